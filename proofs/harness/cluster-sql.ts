import { Client, Pool } from "pg";

type Row = Readonly<Record<string, unknown>>;

/** The database as it stands, read and written by connections of our own. */
export interface Sql {
  all<Found extends Row>(text: string, values?: readonly unknown[]): Promise<readonly Found[]>;
  /** The first column of the only row, as a number. */
  count(text: string, values?: readonly unknown[]): Promise<number>;
}

/**
 * Opens a new connection for each statement, so that no crash of the server leaves a broken one behind.
 *
 * @param url as the owner of the database
 */
export function createSql(url: string): Sql {
  const all: Sql["all"] = async <Found extends Row>(text: string, values: readonly unknown[] = []) => {
    const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
    client.on("error", () => undefined);
    await client.connect();
    try {
      return (await client.query(text, [...values])).rows as Found[];
    } finally {
      await client.end();
    }
  };
  return toSql(all);
}

/** Connections that stay open, for a proof that looks at once. */
export async function openSql(url: string, connections: number): Promise<Sql & { close(): Promise<void> }> {
  const pool = new Pool({ connectionString: url, max: connections });
  pool.on("error", () => undefined);
  const all: Sql["all"] = async <Found extends Row>(text: string, values: readonly unknown[] = []) =>
    (await pool.query(text, [...values])).rows as Found[];
  return { ...toSql(all), close: () => pool.end() };
}

const toSql = (all: Sql["all"]): Sql => ({
  all,
  count: async (text, values) => Number(Object.values((await all(text, values))[0] ?? {})[0]),
});

/** Where the time of a database stands, when a proof moves it. */
export interface DatabaseClock {
  /** Milliseconds before or after the machine's time. */
  set(offsetMs: number): Promise<void>;
}

/**
 * Puts a `clock_timestamp()` of our own before PostgreSQL's, moved by an offset that is read from a table. Every process
 * that asks the database for the time from now on reads that; the server itself knows nothing of it.
 */
export async function createDatabaseClock(sql: Sql): Promise<DatabaseClock> {
  await sql.all("create table proof_clock (offset_ms float8 not null)");
  await sql.all("insert into proof_clock values (0)");
  await sql.all(`create function public.clock_timestamp() returns timestamptz language sql volatile as
    $$ select pg_catalog.clock_timestamp() + offset_ms * interval '1 millisecond' from proof_clock $$`);
  const [{ name = "" } = {}] = await sql.all<{ readonly name: string }>("select current_database() as name");
  await sql.all(`alter database ${name} set search_path = public, pg_catalog`);
  return { set: async (offsetMs) => void (await sql.all("update proof_clock set offset_ms = $1", [offsetMs])) };
}
