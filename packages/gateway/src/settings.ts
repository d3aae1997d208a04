import { readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { keepSecrets } from "./adapters/secrets-file.ts";
import type { RunningSecrets } from "./compose.ts";
import { type Config, ConfigError, loadConfig, readEnvironment } from "./config.ts";
import { otpBrandProblems } from "./domain/templates.ts";

/** What the operating system gives a process. */
export interface ProcessInput {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

const readText = (path: string): string => readFileSync(path, "utf8");
export const { version } = JSON.parse(readText(findPackageJSON(import.meta.url) ?? "")) as { readonly version: string };

/** @throws {ConfigError} with every problem at once */
export function readConfig({ env, cwd }: ProcessInput): Config {
  const environment = readEnvironment({ cwd, env });
  return loadConfig(environment.env, {
    rootFolder: environment.rootFolder,
    readFile: readText,
    checkBrand: otpBrandProblems,
  });
}

/**
 * The secrets to run with; on a laptop those that are missing are made and kept.
 *
 * @throws {ConfigError} when the file that keeps them cannot be used
 */
export function readSecrets({ secrets, store }: Config): RunningSecrets {
  if (secrets.kind === "complete") return { ...secrets, developmentKey: undefined };
  const kept = keepSecrets(store.dataFolder, secrets);
  if (kept.kind === "refused") throw new ConfigError([{ name: kept.path, problem: kept.problem }]);
  return { ...kept.secrets, otpSecretPrevious: secrets.otpSecretPrevious };
}
