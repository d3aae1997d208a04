import type { DatabaseSync, SQLInputValue } from "node:sqlite";

/** A statement prepared once, with the type of its rows. */
export interface Statement<Row> {
  get(...values: SQLInputValue[]): Row | undefined;
  all(...values: SQLInputValue[]): Row[];
  /** @returns rows changed */
  run(...values: SQLInputValue[]): number;
}

/**
 * Prepares fixed SQL with bound parameters.
 *
 * `Row` is what the columns of `sql` are; SQLite itself types values, not columns, so this is the one place where that is believed.
 */
export function prepare<Row = never>(database: DatabaseSync, sql: string): Statement<Row> {
  const statement = database.prepare(sql);
  return {
    get: (...values) => statement.get(...values) as Row | undefined,
    all: (...values) => statement.all(...values) as Row[],
    run: (...values) => Number(statement.run(...values).changes),
  };
}
