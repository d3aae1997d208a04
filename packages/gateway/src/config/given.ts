import { isAbsolute, resolve } from "node:path";
import { distance } from "fastest-levenshtein";
import type { Problem } from "./problem.ts";
import { isPlaceholder, isSecret, VARIABLE_NAMES, type VariableName } from "./variables.ts";

export type RawEnv = Readonly<Record<string, string | undefined>>;

/** The values that somebody really gave, as text. */
export interface Given {
  readonly values: ReadonlyMap<VariableName, string>;
  /** Variables that still hold what `.env.example` has. */
  readonly placeholders: readonly VariableName[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

const OURS = /^(SMS|OTP|TWILIO|VONAGE|INFOBIP|HTTP_PROVIDER)_/;
/** Names this close to one of ours are a slip of the finger. */
const MAX_TYPOS = 2;

const KNOWN_NAMES: ReadonlySet<string> = new Set(
  VARIABLE_NAMES.flatMap((name) => (isSecret(name) ? [name, `${name}_FILE`] : [name])),
);

/** Empty means absent, and so does a text of spaces. */
const present = (env: RawEnv, name: string): string | null => env[name]?.trim() || null;

export const fileErrorCode = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown error";

/**
 * Takes what belongs to the gateway out of an environment: empty values and placeholders left out, secrets fetched
 * from their files.
 *
 * @param rootFolder absolute; relative paths of `X_FILE` start there
 */
export function takeGiven(env: RawEnv, rootFolder: string, readFile: (path: string) => string): Given {
  const values = new Map<VariableName, string>();
  const placeholders: VariableName[] = [];
  const problems: Problem[] = [];

  const readSecret = (name: string, path: string): string | null => {
    let text: string;
    try {
      text = readFile(isAbsolute(path) ? path : resolve(rootFolder, path)).trim();
    } catch (error) {
      problems.push({ name, problem: `names a file that cannot be read (${fileErrorCode(error)})` });
      return null;
    }
    if (text === "") problems.push({ name, problem: "names a file that is empty" });
    return text || null;
  };

  for (const name of VARIABLE_NAMES) {
    const direct = present(env, name);
    const path = isSecret(name) ? present(env, `${name}_FILE`) : null;
    if (direct !== null && path !== null && !isPlaceholder(name, direct)) {
      problems.push({ name, problem: `is given twice; keep ${name} or ${name}_FILE` });
    }
    const value = path === null ? direct : readSecret(`${name}_FILE`, path);
    if (value === null) continue;
    if (isPlaceholder(name, value)) placeholders.push(name);
    else values.set(name, value);
  }

  const unknown = findUnknownNames(env);
  return { values, placeholders, problems: [...problems, ...unknown.problems], warnings: unknown.warnings };
}

function findUnknownNames(env: RawEnv): Pick<Given, "problems" | "warnings"> {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const unknown = Object.keys(env).filter((n) => OURS.test(n) && !KNOWN_NAMES.has(n) && present(env, n) !== null);
  for (const name of unknown.sort()) {
    const [nearest] = [...KNOWN_NAMES]
      .map((known) => ({ known, typos: distance(name, known) }))
      .sort((a, b) => a.typos - b.typos);
    if (nearest !== undefined && nearest.typos <= MAX_TYPOS) {
      problems.push({ name, problem: `is not a setting; did you mean ${nearest.known}?` });
    } else {
      warnings.push({ name, problem: "is not a setting of this version and is ignored" });
    }
  }
  return { problems, warnings };
}
