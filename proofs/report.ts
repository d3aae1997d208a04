import { availableParallelism } from "node:os";
import type { Mutated } from "./mutate.ts";
import { type Played, toText } from "./play.ts";
import { ENGINES, type Engine, type Row } from "./row.ts";

export interface ReportInput {
  readonly rows: readonly Row[];
  readonly played: readonly Played[];
  /** Null when no sabotage was tried. */
  readonly mutated: readonly Mutated[] | null;
  /** Median of one durable write. */
  readonly fsyncMs: number;
  readonly date: string;
}

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");
const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;

const SETTINGS: Readonly<Record<Engine, string>> = {
  sqlite: "One process on a SQLite file.",
  postgres:
    "Processes of their own for the API and for the worker, on PostgreSQL; calls are spread over the API processes.",
  "postgres+redis": "The same with the limits in Redis.",
};

function engineTable(engine: Engine, rows: readonly Row[], played: readonly Played[]): readonly string[] {
  const lines = rows.flatMap((row) => {
    const found = played.find((each) => each.id === row.id && each.engine === engine);
    if (found === undefined) return [];
    const figures = found.isGreen ? toText(found.figures) : (found.problem ?? "");
    const run = `${found.size}, ${found.date}`;
    return line([row.id, row.title, row.target, figures, `${found.seconds} s`, run, found.isGreen ? "green" : "RED"]);
  });
  if (lines.length === 0) return [];
  return [
    "",
    `## ${engine}`,
    "",
    SETTINGS[engine],
    "",
    line(["row", "what happens", "target", "measured", "time", "size", ""]),
    line(["---", "---", "---", "---", "---:", "---", "---"]),
    ...lines,
  ];
}

function mutationTable(rows: readonly Row[], mutated: readonly Mutated[]): readonly string[] {
  const inOrder = rows.flatMap(({ id }) => mutated.find((each) => each.id === id) ?? []);
  return [
    "",
    "## Sabotages",
    "",
    "Each was applied to a copy of the product. The row of the same name must turn red on each engine named, and no other row (of those",
    "without faults) on the first of them, except one that holds the same promise among others.",
    "",
    line(["row", "sabotage", "engines", "red", "as expected"]),
    line(["---", "---", "---", "---", "---"]),
    ...inOrder.map(({ id, why, engines, red, problem }) =>
      line([id, why, engines.join(", "), red.join(", ") || "none", problem === null ? "yes" : `no: ${problem}`]),
    ),
  ];
}

/** Writes the report that `docs/proof.md` is. */
export function toReport({ rows, played, mutated, fsyncMs, date }: ReportInput): string {
  return `${[
    "# Proof",
    "",
    "What the gateway promises and what was measured: real HTTP to real processes on real engines, before a carrier that keeps a ledger",
    'of every call. Races start at a barrier. "Compared" and "sent" are counted in the database and in the ledger, and equality means equality.',
    "",
    `Written by \`npm run prove -- --report docs/proof.md\` on ${date}: ${availableParallelism()} cores, Node ${process.versions.node}, ${fsyncMs.toFixed(2)} ms per durable write. Each line names the size and the day of its run.`,
    ...ENGINES.flatMap((engine) => engineTable(engine, rows, played)),
    ...(mutated === null ? [] : mutationTable(rows, mutated)),
  ].join("\n")}\n`;
}
