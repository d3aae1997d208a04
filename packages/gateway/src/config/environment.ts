import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseEnv } from "node:util";
import type { RawEnv } from "./given.ts";
import { ConfigError } from "./problem.ts";

/** The environment with `.env` laid under it. */
export interface Environment {
  readonly env: RawEnv;
  /** Absolute; where relative paths start, whatever folder a command was typed in. */
  readonly rootFolder: string;
  /** Absolute, or null when there is none. */
  readonly envFile: string | null;
}

const readText = (path: string, name: string): string => {
  try {
    return readFileSync(path, "utf8").replace(/^\uFEFF/, "");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    throw new ConfigError([{ name, problem: `cannot be read (${code})` }]);
  }
};

const isWorkspaceRoot = (folder: string): boolean => {
  const path = join(folder, "package.json");
  return existsSync(path) && /"workspaces"\s*:/.test(readText(path, "package.json"));
};

/**
 * Finds `.env` and the root folder: upwards from `cwd`, the first folder with a `.env` or with the root `package.json`
 * (the one with workspaces); without either, `cwd` itself. A `.env` above the root `package.json` is somebody else's.
 *
 * Process variables win over the file, empty ones too: `SMTP_URL= npm start` switches a line of the file off.
 *
 * @throws {ConfigError} when `.env` is there and cannot be read
 */
export function readEnvironment({ cwd, env }: { readonly cwd: string; readonly env: RawEnv }): Environment {
  const start = resolve(cwd);
  for (let folder = start; ; folder = dirname(folder)) {
    const envFile = join(folder, ".env");
    if (existsSync(envFile)) {
      return { env: { ...parseEnv(readText(envFile, ".env")), ...env }, rootFolder: folder, envFile };
    }
    if (isWorkspaceRoot(folder)) return { env, rootFolder: folder, envFile: null };
    if (dirname(folder) === folder) return { env, rootFolder: start, envFile: null };
  }
}
