import type { Servers } from "./harness/servers.ts";

/** `small` takes seconds and runs with the tests; `full` is the size that the target names. */
export type Size = "small" | "full";

/** What the gateway runs on: one process on a file, or several on a server. */
export const ENGINES = ["sqlite", "postgres", "postgres+redis"] as const;
export type Engine = (typeof ENGINES)[number];

/** What a row measured, by name. */
export type Figures = Readonly<Record<string, number | string>>;

export interface RowOptions {
  readonly size: Size;
  readonly engine: Engine;
  /** Where stages get their databases from. */
  readonly servers: Servers;
  /** Says how far it got. */
  readonly report: (line: string) => void;
}

/** One replacement in a file of the product; `find` occurs exactly once. */
export interface Edit {
  /** From the root of the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** Where it is felt; every engine of its row unless told. */
  readonly engines?: readonly Engine[];
}

/** A sabotage that must turn its row red on each engine where it is felt, and no other row. */
export interface Mutation {
  readonly why: string;
  /** More than one where the product guards the same thing twice, or once for each engine. */
  readonly edits: readonly [Edit, ...Edit[]];
}

/** A promise of the gateway and the run that shows it. */
export interface Row {
  readonly id: string;
  readonly title: string;
  readonly target: string;
  /** Where it is played, one after another. */
  readonly engines: readonly Engine[];
  /** Processes and servers are killed, halted and cut off in real time. */
  readonly hasFaults?: true;
  /** Rows whose promise this one holds as well, so that their sabotages may turn it red too. */
  readonly covers?: readonly string[];
  /** @throws an assertion error when the target is missed */
  readonly run: (options: RowOptions) => Promise<Figures>;
  readonly mutation: Mutation;
}

/** The engines on which a sabotage is felt, in the order of `ENGINES`. */
export const sabotagedEngines = ({ engines, mutation }: Row): readonly Engine[] => {
  const felt = new Set(mutation.edits.flatMap((edit) => edit.engines ?? engines));
  return ENGINES.filter((engine) => felt.has(engine));
};
