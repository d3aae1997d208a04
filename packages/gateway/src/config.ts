import type { HttpDefinition } from "./adapters/providers/http/definition.ts";
import { type RawEnv, takeGiven } from "./config/given.ts";
import { readHttpProvider } from "./config/http-provider.ts";
import { toPieces } from "./config/pieces.ts";
import { readPrices } from "./config/prices.ts";
import { ConfigError, type Problem } from "./config/problem.ts";
import { findWarnings, RULES } from "./config/rules.ts";
import { Env, shapeProblem, VARIABLE_NAMES, type VariableName } from "./config/variables.ts";
import type { PriceTable } from "./domain/price.ts";

export { readEnvironment } from "./config/environment.ts";
export { ConfigError, OutOfReachError } from "./config/problem.ts";

type Frozen<T> = T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;

/** The settings, frozen, in the pieces that the parts of the gateway take. */
export type Config = Frozen<
  ReturnType<typeof toPieces> & { warnings: Problem[]; httpProvider: HttpDefinition | undefined; prices: PriceTable }
>;

export interface ConfigOptions {
  /** Absolute; where relative paths start. */
  readonly rootFolder: string;
  /** Reads a text file or throws; gets absolute paths. */
  readonly readFile: (path: string) => string;
  /** Says what keeps the one-time-code texts of this brand from fitting one SMS. */
  readonly checkBrand?: (brand: string, webotpHost?: string) => readonly string[];
}

/**
 * Reads every setting once.
 *
 * @param env variables as they are; empty ones and the placeholders of `.env.example` count as absent
 * @throws {ConfigError} with all problems at once, by name and never by value
 */
export function loadConfig(env: RawEnv, { rootFolder, readFile, checkBrand }: ConfigOptions): Config {
  const given = takeGiven(env, rootFolder, readFile);
  const problems: Problem[] = [...given.problems];
  const values: Partial<Record<VariableName, unknown>> = {};
  for (const name of VARIABLE_NAMES) {
    const parsed = Env.shape[name].safeParse(given.values.get(name));
    if (parsed.success) values[name] = parsed.data;
    else problems.push({ name, problem: shapeProblem(name) });
  }
  const draft = { values: values as Partial<Env>, isGiven: (name: VariableName) => given.values.has(name) };
  if (draft.values.ENVIRONMENT === "production") {
    for (const name of given.placeholders) {
      problems.push({ name, problem: "still has the placeholder of .env.example; give it a value or remove it" });
    }
  }
  // What was already complained about is not also "missing".
  const isNews = ({ name }: Problem): boolean => !problems.some((p) => p.name === name || p.name === `${name}_FILE`);
  problems.push(...RULES.flatMap((rule) => rule(draft)).filter(isNews));
  problems.push(...findBrandProblems(draft.values, checkBrand));

  const httpProvider = readHttpProvider(draft.values.HTTP_PROVIDER_FILE, { rootFolder, readFile });
  const { prices, problems: priceProblems } = readPrices(draft.values.PRICES_FILE, { rootFolder, readFile });
  problems.push(...httpProvider.problems, ...priceProblems);

  if (problems.length > 0) throw new ConfigError(problems);
  const complete = Env.parse(Object.fromEntries(given.values));
  return freeze({
    ...toPieces(complete, rootFolder),
    httpProvider: httpProvider.definition,
    prices,
    warnings: [...given.warnings, ...findWarnings(complete)],
  });
}

function findBrandProblems(values: Partial<Env>, checkBrand: ConfigOptions["checkBrand"]): readonly Problem[] {
  if (values.APP_NAME === undefined || checkBrand === undefined) return [];
  return checkBrand(values.APP_NAME, values.WEBOTP_HOST).map((problem) => ({ name: "APP_NAME", problem }));
}

function freeze<T>(value: T): Frozen<T> {
  if (typeof value === "object" && value !== null) for (const inner of Object.values(value)) freeze(inner);
  return Object.freeze(value) as Frozen<T>;
}
