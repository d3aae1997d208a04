/** What a command came to. */
export type Report = Shown | Refused;

/** Goes to standard output. */
interface Shown {
  readonly kind: "shown";
  /** False ends the process with 1. */
  readonly ok: boolean;
  /** For `--json`. */
  readonly data: unknown;
  /** For people; without line break at its end. */
  readonly text: string;
}

/** Nothing to show but why not; for people it goes to standard error. */
interface Refused {
  readonly kind: "refused";
  readonly code: string;
  readonly message: string;
  /** What to do about it. */
  readonly advice?: string;
  /** Whole seconds until the same command can succeed. */
  readonly retryAfterSeconds?: number;
}

export const shown = (data: unknown, text: string, ok = true): Report => ({ kind: "shown", ok, data, text });

/** Columns stand this far apart. */
const GAP = "  ";

/** Takes out what would move the cursor or hide text: a message may come from anybody. */
const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ").trim();

const lengthOf = (text: string): number => [...text].length;

/**
 * Sets rows in aligned columns.
 *
 * @param headers absent for rows that speak for themselves
 */
export function table(rows: readonly (readonly string[])[], headers?: readonly string[]): string {
  const lines = (headers === undefined ? rows : [headers, ...rows]).map((row) => row.map(printable));
  const widths: number[] = [];
  for (const line of lines) {
    line.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, lengthOf(cell));
    });
  }
  const pad = (cell: string, column: number): string => cell + " ".repeat((widths[column] ?? 0) - lengthOf(cell));
  return lines.map((line) => line.map(pad).join(GAP).trimEnd()).join("\n");
}

/** Sets names and values below each other; what has no value is left out. */
export const facts = (
  entries: readonly (readonly [name: string, value: string | number | null | undefined])[],
): string =>
  table(entries.flatMap(([name, value]) => (value === null || value === undefined ? [] : [[name, String(value)]])));

export interface Printer {
  /** Standard output, one line or more. */
  print(text: string): void;
  /** Standard error. */
  complain(text: string): void;
}

/** Prints a report the way it was asked for and says how the process ends. */
export function printReport(report: Report, isJson: boolean, printer: Printer): 0 | 1 {
  if (report.kind === "shown") {
    printer.print(isJson ? JSON.stringify(report.data, null, 2) : report.text);
    return report.ok ? 0 : 1;
  }
  const { kind: _, ...error } = report;
  if (isJson) printer.print(JSON.stringify({ error }, null, 2));
  else {
    printer.complain(`error: ${printable(report.message)}`);
    if (report.advice !== undefined) printer.complain(`       ${report.advice}`);
  }
  return 1;
}
