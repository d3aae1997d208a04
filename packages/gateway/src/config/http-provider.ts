import { type HttpDefinition, parseHttpDefinition } from "../adapters/providers/http/definition.ts";
import { type Files, readFileText } from "./file.ts";
import type { Problem } from "./problem.ts";

const NAME = "HTTP_PROVIDER_FILE";

export interface ReadHttpProvider {
  /** Undefined when there is none, or when it has problems. */
  readonly definition: HttpDefinition | undefined;
  readonly problems: readonly Problem[];
}

/** Reads the file of an aggregator. Each problem says the place in the file, and no value. */
export function readHttpProvider(path: string | undefined, files: Files): ReadHttpProvider {
  if (path === undefined) return { definition: undefined, problems: [] };
  const refuse = (...problems: readonly string[]): ReadHttpProvider => ({
    definition: undefined,
    problems: problems.map((problem) => ({ name: NAME, problem })),
  });
  const file = readFileText(path, files);
  if ("problem" in file) return refuse(file.problem);
  const parsed = parseHttpDefinition(file.text);
  return parsed.ok ? { definition: parsed.definition, problems: [] } : refuse(...parsed.problems);
}
