import { type PriceTable, readPriceTable } from "../domain/price.ts";
import { type Files, readFileText } from "./file.ts";
import type { Problem } from "./problem.ts";

const NAME = "PRICES_FILE";

export interface ReadPrices {
  /** Empty without a file: then nobody knows what anything costs. */
  readonly prices: PriceTable;
  readonly problems: readonly Problem[];
}

/** Reads the operator's prices. Each problem says its line. */
export function readPrices(path: string | undefined, files: Files): ReadPrices {
  if (path === undefined) return { prices: [], problems: [] };
  const file = readFileText(path, files);
  if ("problem" in file) return { prices: [], problems: [{ name: NAME, problem: file.problem }] };
  const { table, problems } = readPriceTable(file.text);
  return {
    prices: table,
    problems: problems.map(({ line, problem }) => ({ name: NAME, problem: `line ${line} ${problem}` })),
  };
}
