import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Kysely, SqliteDialect } from "kysely";

/** How long SQLite itself waits for another process; the writer retries from JavaScript beyond that. */
const BUSY_TIMEOUT_MS = 50;

/**
 * Opens the writing connection. Every commit reaches the disk before it is answered.
 *
 * @see https://www.sqlite.org/pragma.html#pragma_synchronous
 */
export function openWriter(path: string): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA cache_size = -32000;
    PRAGMA temp_store = MEMORY;
    PRAGMA wal_autocheckpoint = 4000;
  `);
  return database;
}

export const openReader = (path: string): DatabaseSync =>
  new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });

/** Kysely over `node:sqlite`, whose statements do not say whether they return rows. */
export const toKysely = (database: DatabaseSync): Kysely<unknown> =>
  new Kysely<unknown>({
    dialect: new SqliteDialect({
      database: {
        prepare: (sql: string) => {
          const statement = database.prepare(sql);
          return {
            reader: statement.columns().length > 0,
            all: (values: readonly unknown[]) => statement.all(...(values as never[])),
            run: (values: readonly unknown[]) => statement.run(...(values as never[])),
            iterate: (values: readonly unknown[]) => statement.iterate(...(values as never[])),
          };
        },
        close: () => undefined,
      },
    }),
  });
