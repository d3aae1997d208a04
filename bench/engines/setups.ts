import type { Server } from "./child.ts";

/** What keeps verifications, and what keeps the counters that all numbers share. */
export const ENGINES = ["sqlite", "postgres", "postgres+redis"] as const;
export type Engine = (typeof ENGINES)[number];

/** One way to run the gateway. */
export interface Setup {
  readonly engine: Engine;
  /** That answer requests; one file of SQLite is served by one alone. */
  readonly processes: number;
  /** False: each step has a commit of its own. */
  readonly isGrouped: boolean;
}

export const hasPostgres = (engine: Engine): boolean => engine !== "sqlite";
export const hasRedis = (engine: Engine): boolean => engine === "postgres+redis";

export const nameOf = ({ engine, processes, isGrouped }: Setup): string =>
  `${engine} x ${processes}${isGrouped ? "" : ", ungrouped"}`;

/** Every engine with its numbers of processes, and once more without grouping where one process is asked for. */
export function planSetups(engines: readonly Engine[], processes: readonly number[]): readonly Setup[] {
  return engines.flatMap((engine) => {
    const counts = hasPostgres(engine) ? processes : [1];
    const grouped = counts.map((count): Setup => ({ engine, processes: count, isGrouped: true }));
    return counts.includes(1) ? [...grouped, { engine, processes: 1, isGrouped: false }] : grouped;
  });
}

/** Ports to spread a load over. */
export const portsOf = (servers: readonly Server[]): readonly number[] => servers.map(({ port }) => port);
