import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Client } from "pg";
import type { Servers } from "./servers.ts";

type Value = string | number;

/** The database as it stands, read by a connection of our own. Placeholders are `?` on every engine. */
export interface Rows {
  all(sql: string, ...values: readonly Value[]): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** The first column of the only row, as a number. */
  count(sql: string, ...values: readonly Value[]): Promise<number>;
}

/** An empty place for the gateways of a stage. */
export interface Database {
  /** `DATABASE_URL` */
  readonly url: string;
  readonly rows: Rows;
  /** Keeps everybody from writing verifications and guesses while `act` runs. */
  readonly whileLocked: <T>(act: () => Promise<T>) => Promise<T>;
  readonly remove: () => Promise<void>;
}

const countIn = async (rows: Promise<readonly Readonly<Record<string, unknown>>[]>): Promise<number> =>
  Number(Object.values((await rows)[0] ?? {})[0]);

/** @param folder where the file will be; the gateway makes it */
export function sqliteDatabase(folder: string): Database {
  const path = join(folder, "gateway.db");
  let reader: DatabaseSync | null = null;
  const all: Rows["all"] = async (sql, ...values) => {
    reader ??= new DatabaseSync(path, { readOnly: true });
    return reader.prepare(sql).all(...values);
  };
  return {
    url: `sqlite:${path}`,
    rows: { all, count: (sql, ...values) => countIn(all(sql, ...values)) },
    whileLocked: async (act) => {
      const lock = new DatabaseSync(path, { timeout: 1_000 });
      lock.exec("begin immediate");
      try {
        return await act();
      } finally {
        lock.exec("rollback");
        lock.close();
      }
    },
    remove: async () => reader?.close(),
  };
}

/** PostgreSQL numbers its placeholders. */
const numbered = (sql: string): string => {
  let number = 0;
  return sql.replaceAll("?", () => `$${++number}`);
};

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

export async function postgresDatabase(servers: Servers): Promise<Database> {
  const { url, drop } = await servers.freshDatabase();
  const reader = await connect(url);
  const all: Rows["all"] = async (sql, ...values) => (await reader.query(numbered(sql), [...values])).rows;
  return {
    url,
    rows: { all, count: (sql, ...values) => countIn(all(sql, ...values)) },
    whileLocked: async (act) => {
      const lock = await connect(url);
      try {
        // Lets everybody read, as SQLite does.
        await lock.query("begin; lock table verifications, guesses in exclusive mode");
        return await act();
      } finally {
        await lock.end();
      }
    },
    remove: async () => {
      await reader.end();
      await drop();
    },
  };
}
