import { availableParallelism } from "node:os";
import type { Mutated } from "./mutate.ts";
import { type Played, toText } from "./play.ts";
import type { Row, Size } from "./row.ts";

export interface ReportInput {
  readonly rows: readonly Row[];
  readonly played: readonly Played[];
  /** Null when no sabotage was tried. */
  readonly mutated: readonly Mutated[] | null;
  readonly size: Size;
  /** Median of one durable write. */
  readonly fsyncMs: number;
  readonly date: string;
}

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");
const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;

function mutationTable(mutated: readonly Mutated[]): readonly string[] {
  return [
    "",
    "## Sabotages",
    "",
    "Each was applied to a copy of the product, and every row was played small on it: the row of the same name, and no other, must turn red.",
    "",
    line(["row", "sabotage", "red", "as expected"]),
    line(["---", "---", "---", "---"]),
    ...mutated.map(({ id, why, red, problem }) =>
      line([id, why, red.join(", ") || "none", problem === null ? "yes" : `no: ${problem}`]),
    ),
  ];
}

/** Writes the report that `docs/proof.md` is. */
export function toReport({ rows, played, mutated, size, fsyncMs, date }: ReportInput): string {
  const table = rows.flatMap((row) => {
    const found = played.find(({ id }) => id === row.id);
    if (found === undefined) return [];
    const figures = found.isGreen ? toText(found.figures) : (found.problem ?? "");
    return line([row.id, row.title, row.target, figures, `${found.seconds} s`, found.isGreen ? "green" : "RED"]);
  });
  const flags = `${size === "full" ? " --full" : ""}${mutated === null ? "" : " --mutate"}`;
  return `${[
    "# Proof",
    "",
    "What the gateway promises and what was measured: real HTTP to a real process on SQLite, before a carrier that keeps a ledger of every call.",
    'Races start at a barrier. "Compared" and "sent" are counted in the database and in the ledger, and equality means equality.',
    "",
    `Written by \`npm run prove --${flags} --report docs/proof.md\` on ${date}: ${size} size, ${availableParallelism()} cores, Node ${process.versions.node}, ${fsyncMs.toFixed(2)} ms per durable write.`,
    "",
    line(["row", "what happens", "target", "measured", "time", ""]),
    line(["---", "---", "---", "---", "---:", "---"]),
    ...table,
    ...(mutated === null ? [] : mutationTable(mutated)),
  ].join("\n")}\n`;
}
