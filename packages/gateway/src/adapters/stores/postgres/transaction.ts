import type { Pool, PoolClient, QueryResult } from "pg";
import { AppError } from "../../../domain/app-error.ts";
import { isRetriable, unavailable } from "./connection.ts";

const MAX_TRIES = 4;

/** Fixed SQL, prepared once per connection under its name. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** Runs a statement and gives its rows; `Row` is what its columns are, which the server alone knows. */
export type ReadRows = <Row extends object>(
  statement: Statement,
  values: readonly unknown[],
) => Promise<readonly Row[]>;

/** One transaction. Statements are sent as they come, without waiting for the one before (pipelining). */
export interface Transaction {
  readonly rows: ReadRows;
  /** For statements whose rows nobody needs; a failure comes out of `commit`. */
  send(statement: Statement, values: readonly unknown[]): void;
  /**
   * Takes locks until the end of the transaction, in one order for everybody. Read only after that: a statement sees
   * what was committed when it began.
   *
   * @param keys what is locked, in words: `address:+57…`, `otp.client.open:192.0.2.1`
   */
  lock(keys: readonly string[]): void;
  /** Resolves once the commit is durable, and throws unless everything before it went well. */
  commit(): Promise<void>;
}

const LOCK: Statement = {
  name: "lock",
  text: `select pg_advisory_xact_lock(h) from
    (select distinct hashtextextended(k, 0) as h from unnest($1::text[]) as k order by h) as locks`,
};

type Ask = (statement: Statement | string, values?: readonly unknown[]) => Promise<QueryResult<object>>;

/** Sends statements without waiting, with one system call for all of a turn; the driver would make one for each. */
function createAsk(client: PoolClient): Ask {
  const { stream } = client.connection;
  let isGathering = false;
  return (statement, values = []) => {
    if (!isGathering) {
      isGathering = true;
      stream.cork();
      process.nextTick(() => {
        isGathering = false;
        stream.uncork();
      });
    }
    return typeof statement === "string"
      ? client.query(statement)
      : client.query({ ...statement, values: values as unknown[] });
  };
}

function open(client: PoolClient): Transaction {
  const sent: Promise<unknown>[] = [];
  const send = createAsk(client);
  const ask: Ask = (statement, values) => {
    const running = send(statement, values);
    // Looked at by `commit`; until then nobody else may be listening.
    running.catch(() => undefined);
    sent.push(running);
    return running;
  };
  void ask("begin");
  return {
    rows: <Row extends object>(statement: Statement, values: readonly unknown[]) => {
      const rows = ask(statement, values).then((result) => result.rows as Row[]);
      // Read after a commit that fails, nobody would ever listen: an unheard rejection ends the process.
      rows.catch(() => undefined);
      return rows;
    },
    send: (statement, values) => void ask(statement, values),
    lock: (keys) => {
      if (keys.length > 0) void ask(LOCK, [keys]);
    },
    commit: async () => {
      const ended = ask("commit");
      await Promise.all(sent);
      // A transaction that failed answers a commit with a rollback.
      const { command } = await ended;
      if (command !== "COMMIT") throw new Error(`the commit became a ${command}`);
    },
  };
}

/** Lends a connection; after a failure, whatever state it is in, the next one gets another. */
async function withClient<Result>(pool: Pool, use: (client: PoolClient) => Promise<Result>): Promise<Result> {
  const client = await pool.connect();
  try {
    const result = await use(client);
    client.release();
    return result;
  } catch (error) {
    client.release(true);
    throw error;
  }
}

/**
 * Runs a transaction; a deadlock or a serialization failure runs it again.
 *
 * @param body ends with `commit`; has no effect but on the database, since it may run more than once
 * @throws {AppError} `service_unavailable` when the database cannot do it, and whatever `AppError` the body throws
 */
export async function inTransaction<Result>(
  pool: Pool,
  body: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await withClient(pool, (client) => body(open(client)));
    } catch (error) {
      if (error instanceof AppError) throw error;
      if (!isRetriable(error) || tries === MAX_TRIES) throw unavailable(error);
    }
  }
}

/** One statement of its own: it is its own transaction. */
export async function rowsOf<Row extends object>(
  pool: Pool,
  statement: Statement,
  values: readonly unknown[] = [],
): Promise<readonly Row[]> {
  try {
    return (await pool.query({ ...statement, values: values as unknown[] })).rows as Row[];
  } catch (error) {
    throw unavailable(error);
  }
}

/** Some statements on one connection, in one packet where they are asked in one turn; each sees what is committed then. */
export async function readTogether<Result>(pool: Pool, body: (rows: ReadRows) => Promise<Result>): Promise<Result> {
  try {
    return await withClient(pool, (client) => {
      const ask = createAsk(client);
      return body(
        async <Row extends object>(statement: Statement, values: readonly unknown[]) =>
          (await ask(statement, values)).rows as Row[],
      );
    });
  } catch (error) {
    throw unavailable(error);
  }
}
