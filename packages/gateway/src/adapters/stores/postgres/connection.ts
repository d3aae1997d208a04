import { type ClientConfig, DatabaseError, Pool, types } from "pg";
import { AppError } from "../../../domain/app-error.ts";

/** A statement that takes longer is ended by the server; each is a few rows by key. */
const STATEMENT_TIMEOUT_MS = 4_000;
const LOCK_TIMEOUT_MS = 2_000;
const IDLE_IN_TRANSACTION_MS = 10_000;
/** The server is silent: the connection is given up, which also finds one that is half open. */
const ANSWER_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 2_000;
const KEEP_ALIVE_MS = 5_000;
const IDLE_MS = 30_000;

/** Connections of one process: checks, the other steps, reads. A flood of sends never keeps a check waiting. */
const POOL_SIZES = { verify: 2, work: 6, read: 4 } as const;

/**
 * Every statement is a few rows by key, so loops over indexes are always right. The planner would see empty tables when it
 * plans (a new database, a restored one, before the first ANALYZE), choose scans and hash joins, and keep them.
 */
const PLANNER_SETTINGS = {
  plan_cache_mode: "force_generic_plan",
  enable_seqscan: "off",
  enable_hashjoin: "off",
  enable_mergejoin: "off",
  enable_bitmapscan: "off",
  // A page in the order of an index stops at its limit; sorted, all rows are read first.
  enable_sort: "off",
  // A scan that cannot be avoided then looks so dear that it would be compiled.
  jit: "off",
} as const;

const INT8_OID = types.builtins.INT8;

export interface Pools {
  readonly verify: Pool;
  readonly work: Pool;
  readonly read: Pool;
  end(): Promise<void>;
}

/** Counts and instants fit into a double; `pg` would hand them out as text. */
const numbers: NonNullable<ClientConfig["types"]> = {
  getTypeParser: (oid: number, format?: string) =>
    oid === INT8_OID && format !== "binary" ? Number : types.getTypeParser(oid, format as "text"),
};

const toConfig = (url: string): ClientConfig & { readonly pipeline: boolean } => ({
  connectionString: url,
  application_name: "sms-gateway",
  types: numbers,
  pipeline: true,
  connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  query_timeout: ANSWER_TIMEOUT_MS,
  statement_timeout: STATEMENT_TIMEOUT_MS,
  lock_timeout: LOCK_TIMEOUT_MS,
  idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
  options: Object.entries(PLANNER_SETTINGS)
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(" "),
  keepAlive: true,
  keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
});

/**
 * Opens the pools; nothing connects yet.
 *
 * @param url `postgres://user:password@host:port/database`
 */
export function openPools(url: string): Pools {
  const open = (max: number): Pool => {
    const pool = new Pool({ ...toConfig(url), max, idleTimeoutMillis: IDLE_MS });
    // An idle connection that breaks is replaced by the next request that needs one, which then says what is wrong.
    pool.on("error", () => undefined);
    // One that breaks in use fails its statements, and says so once more here: with nobody listening the process would end.
    pool.on("connect", (client) => client.on("error", () => undefined));
    return pool;
  };
  const pools = { verify: open(POOL_SIZES.verify), work: open(POOL_SIZES.work), read: open(POOL_SIZES.read) };
  return {
    ...pools,
    end: async () => {
      await Promise.all(Object.values(pools).map((pool) => pool.end()));
    },
  };
}

/**
 * Opens the connection that changes the schema. It has no timeouts: a change takes as long as it takes, and a process that
 * starts meanwhile waits for it.
 */
export const openMigrationPool = (url: string): Pool =>
  new Pool({
    connectionString: url,
    application_name: "sms-gateway migrate",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    max: 1,
  });

/** What the caller reads when the database cannot answer; the cause is for the log. */
export const unavailable = (cause: unknown): AppError =>
  new AppError("service_unavailable", { retryAfterSeconds: 1 }, { cause });

const RETRIABLE: readonly string[] = [
  "40001", // serialization_failure
  "40P01", // deadlock_detected
];

/** Tells an error after which the same transaction may be tried again: it was undone, and nothing was answered. */
export const isRetriable = (error: unknown): boolean =>
  error instanceof DatabaseError && RETRIABLE.includes(error.code ?? "");
