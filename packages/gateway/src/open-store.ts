import type { Config } from "./config.ts";
import type { Limiter } from "./ports/limiter.ts";
import type { Store } from "./ports/store.ts";

export interface StoreOptions {
  /** Called after each commit, with how many steps it held. */
  readonly onBatch?: (report: { readonly steps: number; readonly durationMs: number }) => void;
  /** Steps in a commit at the most; only measurements say 1. */
  readonly maxSteps?: number;
}

/** Opens the engine that the configuration names, and brings its schema up to date. The others are not even loaded. */
export async function openStore({ store: { database } }: Config, options: StoreOptions = {}): Promise<Store> {
  if (database.engine === "postgres") {
    const { createPostgresStore } = await import("./adapters/stores/postgres/postgres-store.ts");
    return createPostgresStore({ url: database.url, ...options });
  }
  const { createSqliteStore } = await import("./adapters/stores/sqlite/sqlite-store.ts");
  return createSqliteStore({ path: database.path, ...options });
}

/** Null when the database keeps all counters. */
export async function openLimiter({ store: { redisUrl } }: Config): Promise<Limiter | null> {
  if (redisUrl === undefined) return null;
  const { createRedisLimiter } = await import("./adapters/stores/redis/redis-limiter.ts");
  return createRedisLimiter({ url: redisUrl });
}
