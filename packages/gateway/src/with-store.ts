import { type Config, ConfigError, OutOfReachError } from "./config.ts";
import { openStore } from "./open-store.ts";
import type { Store } from "./ports/store.ts";

/** Names a failure of the system without its paths. */
export const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  if ("errstr" in error) return String(error.errstr);
  return "code" in error ? String(error.code) : error.message;
};

/**
 * Opens the database for one command.
 *
 * @throws {ConfigError} when it cannot be opened
 */
export async function withStore<Result>(config: Config, use: (store: Store) => Promise<Result>): Promise<Result> {
  let opened: Store;
  try {
    opened = await openStore(config);
  } catch (error) {
    const problems = [{ name: "DATABASE_URL", problem: `cannot be opened (${reasonOf(error)})` }];
    throw config.store.database.engine === "postgres" ? new OutOfReachError(problems) : new ConfigError(problems);
  }
  try {
    return await use(opened);
  } finally {
    await opened.close();
  }
}
