/** What is wrong with one variable, for an operator, in English. Never holds the value. */
export interface Problem {
  readonly name: string;
  /** Continues the name: "must be a port". */
  readonly problem: string;
}

/** Everything that keeps the gateway from starting, found in one go. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(`The configuration has problems:\n${problems.map((p) => `  ${p.name}: ${p.problem}`).join("\n")}`);
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** What the configuration names is not there now; it may be in a moment, with the same configuration. */
export class OutOfReachError extends ConfigError {}
