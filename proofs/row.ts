/** `small` takes seconds and runs with the tests; `full` is the size that the target names. */
export type Size = "small" | "full";

/** What a row measured, by name. */
export type Figures = Readonly<Record<string, number | string>>;

export interface RowOptions {
  readonly size: Size;
  /** Says how far it got. */
  readonly report: (line: string) => void;
}

/** One replacement in a file of the product; `find` occurs exactly once. */
export interface Edit {
  /** From the root of the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** A sabotage that must turn its row red, and no other. */
export interface Mutation {
  readonly why: string;
  /** More than one where the product guards the same thing twice. */
  readonly edits: readonly [Edit, ...Edit[]];
}

/** A promise of the gateway and the run that shows it. */
export interface Row {
  readonly id: string;
  readonly title: string;
  readonly target: string;
  /** @throws an assertion error when the target is missed */
  readonly run: (options: RowOptions) => Promise<Figures>;
  readonly mutation: Mutation;
}
