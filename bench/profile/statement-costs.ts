import { Client } from "pg";

/** Preloads what counts statements. It is part of PostgreSQL's "contrib", which some systems package apart. */
export const COUNTING: Readonly<Record<string, string>> = { shared_preload_libraries: "pg_stat_statements" };

/** What one statement cost the database, for each request. */
export interface StatementCost {
  readonly text: string;
  readonly microseconds: number;
  readonly calls: number;
  readonly rows: number;
  readonly walBytes: number;
  /** Pages looked at in the shared buffers. */
  readonly pages: number;
}

export interface StatementCosts {
  reset(): Promise<void>;
  /** Largest first. */
  read(requests: number): Promise<readonly StatementCost[]>;
  close(): Promise<void>;
}

const NONE: StatementCosts = { reset: async () => undefined, read: async () => [], close: async () => undefined };

const READ = `select regexp_replace(query, '\\s+', ' ', 'g') as text, total_exec_time * 1000 / $1::float8 as microseconds,
    calls / $1::float8 as calls, rows / $1::float8 as rows, wal_bytes::float8 / $1::float8 as "walBytes",
    shared_blks_hit / $1::float8 as pages
  from pg_stat_statements join pg_database on dbid = oid
  where datname = current_database() and query not like '%pg_stat_statements%' order by total_exec_time desc`;

/**
 * Counts the statements of a database, where it was started with `COUNTING`; planning, parsing and commits are not in it.
 *
 * @param adminUrl as superuser; null where there is no such database
 */
export async function createStatementCosts(adminUrl: string | null): Promise<StatementCosts> {
  if (adminUrl === null) return NONE;
  const client = new Client({ connectionString: adminUrl });
  await client.connect();
  const { rows } = await client.query<{ names: string }>("select current_setting('shared_preload_libraries') as names");
  if (rows[0]?.names !== COUNTING["shared_preload_libraries"]) {
    await client.end();
    return NONE;
  }
  await client.query("create extension pg_stat_statements");
  return {
    reset: async () => void (await client.query("select pg_stat_statements_reset()")),
    read: async (requests) => (await client.query<StatementCost>(READ, [requests])).rows,
    close: () => client.end(),
  };
}
