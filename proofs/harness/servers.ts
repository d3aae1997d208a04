import { type PostgresServer, startPostgres, type TestDatabase } from "../../packages/gateway/test/servers/postgres.ts";
import { type RedisServer, startRedis } from "../../packages/gateway/test/servers/redis.ts";

/** More than the stages of one run ask for. */
const REDIS_DATABASES = 1024;

/** Real servers that the stages of a run share; each stage gets an empty place on them. */
export interface Servers {
  /** An empty database of PostgreSQL. */
  readonly freshDatabase: () => Promise<TestDatabase>;
  /** An empty logical database of Redis, as a URL. */
  readonly freshRedis: () => Promise<{ readonly url: string }>;
}

/** Servers of this process's own; each starts when it is first asked for. */
export interface OwnServers extends Servers {
  readonly stop: () => Promise<void>;
}

export function createServers(): OwnServers {
  let postgres: Promise<PostgresServer> | null = null;
  let redis: Promise<RedisServer> | null = null;
  let redisDatabases = 0;
  return {
    freshDatabase: async () => {
      postgres ??= startPostgres();
      return (await postgres).createDatabase();
    },
    freshRedis: async () => {
      redisDatabases += 1;
      if (redisDatabases >= REDIS_DATABASES) throw new Error("every database of the Redis is taken");
      const number = redisDatabases;
      redis ??= startRedis({ args: ["--databases", String(REDIS_DATABASES)] });
      return { url: `${(await redis).url}/${number}` };
    },
    stop: async () => {
      const started = await Promise.allSettled([postgres, redis]);
      await Promise.all(started.map((start) => (start.status === "fulfilled" ? start.value?.stop() : undefined)));
    },
  };
}
