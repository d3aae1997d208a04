import type { Servers } from "./harness/servers.ts";
import type { Engine, Figures, Row, Size } from "./row.ts";

/** How a row ended on one engine. */
export interface Played {
  readonly id: string;
  readonly engine: Engine;
  readonly size: Size;
  /** The day, `2026-11-25`. */
  readonly date: string;
  readonly isGreen: boolean;
  readonly seconds: number;
  readonly figures: Figures;
  /** Why it is red. */
  readonly problem: string | null;
}

export interface PlayOptions {
  readonly rows: readonly Row[];
  /** A row is played on those of them that are its own, one engine after another. */
  readonly engines: readonly Engine[];
  readonly size: Size;
  readonly servers: Servers;
  readonly say: (line: string) => void;
  /** Hears of everything played so far after each row: a run of an hour may be cut off. */
  readonly keep: (played: readonly Played[]) => void;
}

const MAX_PROBLEM_LENGTH = 600;

/** As reports write it. */
export const today = (): string => new Date().toISOString().slice(0, 10);

/** Runs rows one after another; a red one does not end the run. */
export async function play({ rows, engines, size, servers, say, keep }: PlayOptions): Promise<readonly Played[]> {
  const played: Played[] = [];
  const date = today();
  const playOne = async ({ id, title, run }: Row, engine: Engine): Promise<void> => {
    say(`${id}  ${title}, on ${engine}`);
    const startedAt = performance.now();
    const elapsed = (): number => Math.round((performance.now() - startedAt) / 100) / 10;
    try {
      const figures = await run({ size, engine, servers, report: (line) => say(`      ${line}`) });
      played.push({ id, engine, size, date, isGreen: true, seconds: elapsed(), figures, problem: null });
    } catch (error) {
      const problem = (error instanceof Error ? error.message : String(error)).slice(0, MAX_PROBLEM_LENGTH);
      played.push({ id, engine, size, date, isGreen: false, seconds: elapsed(), figures: {}, problem });
      say(`      RED: ${problem}`);
    }
    keep(played);
  };
  for (const engine of engines) {
    for (const row of rows.filter((each) => each.engines.includes(engine))) await playOne(row, engine);
  }
  return played;
}

export const toText = (figures: Figures): string =>
  Object.entries(figures)
    .map(([name, value]) => `${name} ${typeof value === "number" ? value.toLocaleString("en") : value}`)
    .join(", ");
