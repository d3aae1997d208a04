import type { Figures, Row, Size } from "./row.ts";

/** How a row ended. */
export interface Played {
  readonly id: string;
  readonly isGreen: boolean;
  readonly seconds: number;
  readonly figures: Figures;
  /** Why it is red. */
  readonly problem: string | null;
}

const MAX_PROBLEM_LENGTH = 600;

/** Runs rows one after another; a red one does not end the run. */
export async function play(rows: readonly Row[], size: Size, say: (line: string) => void): Promise<readonly Played[]> {
  const played: Played[] = [];
  for (const row of rows) {
    say(`${row.id}  ${row.title}`);
    const startedAt = performance.now();
    const elapsed = (): number => Math.round((performance.now() - startedAt) / 100) / 10;
    try {
      const figures = await row.run({ size, report: (line) => say(`      ${line}`) });
      played.push({ id: row.id, isGreen: true, seconds: elapsed(), figures, problem: null });
    } catch (error) {
      const problem = (error instanceof Error ? error.message : String(error)).slice(0, MAX_PROBLEM_LENGTH);
      played.push({ id: row.id, isGreen: false, seconds: elapsed(), figures: {}, problem });
      say(`      RED: ${problem}`);
    }
  }
  return played;
}

export const toText = (figures: Figures): string =>
  Object.entries(figures)
    .map(([name, value]) => `${name} ${typeof value === "number" ? value.toLocaleString("en") : value}`)
    .join(", ");
