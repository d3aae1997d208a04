import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { type PostgresServer, startPostgres } from "../../packages/gateway/test/servers/postgres.ts";
import { type RedisServer, startRedis } from "../../packages/gateway/test/servers/redis.ts";
import { type Inbox, postgresInbox, sqliteInbox } from "./inbox.ts";
import { type Engine, hasPostgres, hasRedis } from "./setups.ts";

/** Besides what the tests' server has: everything on and durable. No checkpoint falls into minutes of load. */
export const POSTGRES_SETTINGS: Readonly<Record<string, string>> = {
  shared_buffers: "256MB",
  max_wal_size: "4GB",
  checkpoint_timeout: "15min",
};

/** An empty place for the processes of one gateway: a folder, a database, a Redis. */
export interface Home {
  readonly folder: string;
  /** The variables that lead there. */
  readonly env: Readonly<Record<string, string>>;
  readonly inbox: Inbox;
  /** A connection of our own; null with SQLite. */
  readonly client: Client | null;
  /** The same database as superuser; null with SQLite. */
  readonly adminUrl: string | null;
  readonly postgresPid: number | null;
  readonly redis: RedisServer | null;
  remove(): Promise<void>;
}

/** The servers that all homes of a run share; each starts when it is first needed, and ends with this process at the latest. */
export interface Servers {
  /** One Redis is emptied for each home: there is one home at a time. */
  makeHome(engine: Engine): Promise<Home>;
  stop(): Promise<void>;
}

/** As superuser: the owner may not end an autovacuum that is at work in it. */
async function dropDatabase(adminUrl: string): Promise<void> {
  const url = new URL(adminUrl);
  const name = url.pathname.slice(1);
  url.pathname = "/postgres";
  const client = new Client({ connectionString: url.href });
  await client.connect();
  try {
    await client.query(`drop database ${name} with (force)`);
  } finally {
    await client.end();
  }
}

/** @param settings of PostgreSQL, besides the ones above */
export function createServers(settings: Readonly<Record<string, string>> = {}): Servers {
  let postgres: PostgresServer | null = null;
  let redis: RedisServer | null = null;

  const startDatabase = async () => {
    postgres ??= await startPostgres({ settings: { ...POSTGRES_SETTINGS, ...settings } });
    const database = await postgres.createDatabase();
    const client = new Client({ connectionString: database.url });
    await client.connect();
    const adminUrl = new URL(postgres.adminUrl);
    adminUrl.pathname = new URL(database.url).pathname;
    return { database, client, adminUrl: adminUrl.href, pid: postgres.pid };
  };
  const emptyRedis = async (): Promise<RedisServer> => {
    if (redis === null) redis = await startRedis();
    else await redis.restart();
    return redis;
  };

  return {
    makeHome: async (engine) => {
      const folder = mkdtempSync(join(tmpdir(), "gateway-bench-"));
      const removeFolder = (): void => rmSync(folder, { recursive: true, force: true });
      if (!hasPostgres(engine)) {
        const path = join(folder, "data", "gateway.db");
        const inbox = sqliteInbox(path);
        const remove = async (): Promise<void> => {
          inbox.close();
          removeFolder();
        };
        const env = { DATABASE_URL: `sqlite:${path}` };
        return { folder, env, inbox, client: null, adminUrl: null, postgresPid: null, redis: null, remove };
      }
      const { database, client, adminUrl, pid } = await startDatabase();
      const itsRedis = hasRedis(engine) ? await emptyRedis() : null;
      return {
        folder,
        env: { DATABASE_URL: database.url, ...(itsRedis === null ? {} : { REDIS_URL: itsRedis.url }) },
        inbox: postgresInbox(client),
        client,
        adminUrl,
        postgresPid: pid,
        redis: itsRedis,
        remove: async () => {
          await client.end();
          await dropDatabase(adminUrl);
          removeFolder();
        },
      };
    },
    stop: async () => {
      await Promise.all([postgres?.stop(), redis?.stop()]);
    },
  };
}
