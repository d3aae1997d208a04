import type { Pool, PoolClient } from "pg";
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

function open(client: PoolClient): Transaction {
  const sent: Promise<unknown>[] = [];
  const track = <Result>(running: Promise<Result>): Promise<Result> => {
    // Looked at by `commit`; until then nobody else may be listening.
    running.catch(() => undefined);
    sent.push(running);
    return running;
  };
  const { stream } = client.connection;
  let isGathering = false;
  /** One system call for all that is sent in one turn; the driver would make one for each statement. */
  const gather = (): void => {
    if (isGathering) return;
    isGathering = true;
    stream.cork();
    process.nextTick(() => {
      isGathering = false;
      stream.uncork();
    });
  };
  const query = (statement: Statement, values: readonly unknown[]) => {
    gather();
    return track(client.query({ ...statement, values: values as unknown[] }));
  };
  gather();
  void track(client.query("begin"));
  return {
    rows: async <Row extends object>(statement: Statement, values: readonly unknown[]) =>
      (await query(statement, values)).rows as Row[],
    send: (statement, values) => void query(statement, values),
    lock: (keys) => {
      if (keys.length > 0) void query(LOCK, [keys]);
    },
    commit: async () => {
      gather();
      const ended = track(client.query("commit"));
      await Promise.all(sent);
      // A transaction that failed answers a commit with a rollback.
      const { command } = await ended;
      if (command !== "COMMIT") throw new Error(`the commit became a ${command}`);
    },
  };
}

async function tryOnce<Result>(pool: Pool, body: (transaction: Transaction) => Promise<Result>): Promise<Result> {
  const client = await pool.connect();
  try {
    const result = await body(open(client));
    client.release();
    return result;
  } catch (error) {
    // Whatever state it is in, the next one gets a clean one.
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
      return await tryOnce(pool, body);
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
