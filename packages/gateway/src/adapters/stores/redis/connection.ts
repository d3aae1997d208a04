import { readFileSync } from "node:fs";
import { Redis } from "ioredis";
import { AppError } from "../../../domain/app-error.ts";
import { parseRedisAddress, type RedisAddress } from "./address.ts";

const CONNECT_TIMEOUT_MS = 2_000;
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 1_000;
const KEEP_ALIVE_MS = 10_000;
const NO_CONNECTION = "there is no connection to Redis";
const CLUSTER = "the address leads to a Redis Cluster; the limiter needs one Redis (or a primary with replicas)";

const script = (name: string): string => readFileSync(new URL(name, import.meta.url), "utf8");

/** The scripts as methods: the number of keys, the keys, the arguments. */
interface Scripts {
  reserve(...args: readonly (string | number)[]): Promise<readonly [number, number, number] | null>;
  release(...args: readonly (string | number)[]): Promise<null>;
  probe(...args: readonly (string | number)[]): Promise<string>;
}

export type Commands = Pick<Redis, "del"> & Scripts;

export interface Connection {
  /**
   * Runs commands once, now: nothing waits for a connection, nothing is sent twice.
   *
   * @throws {AppError} `service_unavailable`, its cause says why in words that hold neither password nor arguments
   */
  run<Result>(ask: (commands: Commands) => Promise<Result>): Promise<Result>;
  /** Finishes what was asked, then refuses everything. */
  close(): Promise<void>;
}

export interface ConnectionOptions {
  /** `redis://` or, for TLS, `rediss://`: `rediss://user:password@host:port/database`. */
  readonly url: string;
  /** How long Redis may be silent before its connection counts as dead. */
  readonly timeoutMs: number;
}

const createClient = (address: RedisAddress, timeoutMs: number): Redis & Scripts =>
  new Redis({
    ...address,
    scripts: {
      reserve: { lua: script("reserve.lua") },
      release: { lua: script("release.lua"), numberOfKeys: 1 },
      probe: { lua: script("ping.lua"), numberOfKeys: 1 },
    },
    connectionName: "sms-gateway",
    disableClientInfo: true,
    // All that the scripts answer exists in RESP2, which every server and every proxy speaks.
    protocol: 2,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    disconnectTimeout: timeoutMs,
    // Destroys a connection that stays silent: TCP would need minutes to notice that the other side is gone.
    socketTimeout: timeoutMs,
    // Ends the wait for an answer that others are answered before.
    commandTimeout: timeoutMs,
    keepAlive: KEEP_ALIVE_MS,
    maxLoadingRetryTime: LONGEST_RETRY_MS,
    retryStrategy: (attempt) => Math.min(FIRST_RETRY_MS * 2 ** (attempt - 1), LONGEST_RETRY_MS),
    // After a failover the old primary is a replica: the same name leads to the new one.
    reconnectOnError: (error) => error.message.includes("READONLY"),
  }) as Redis & Scripts;

/** Whether the server is part of a Redis Cluster. A user who may not run `INFO` has no cluster as far as we know. */
const isCluster = async (redis: Redis): Promise<boolean> =>
  (await redis.info("cluster").catch(() => "")).includes("cluster_enabled:1");

/**
 * Connects, and keeps reconnecting for ever. Resolves after the first attempt, or when it takes too long.
 *
 * @throws {Error} when the address is malformed, or leads to a Redis Cluster
 */
export async function openConnection({ url, timeoutMs }: ConnectionOptions): Promise<Connection> {
  const address = parseRedisAddress(url);
  const redis = createClient(address, timeoutMs);
  let trouble: string | null = NO_CONNECTION;
  let isRefused = false;
  let isClosed = false;
  let isGathering = false;
  let running = 0;
  let onIdle: (() => void) | null = null;

  /** Takes words only: the library's errors hold the arguments of the command, and for AUTH that is the password. */
  const unavailable = (why: string): AppError => {
    const cause = new Error(address.password === undefined ? why : why.replaceAll(address.password, "***"));
    return new AppError("service_unavailable", { retryAfterSeconds: 1 }, { cause });
  };

  /** One system call for all that is asked in one turn of the event loop; half the price of the library's pipelines. */
  const gather = (): void => {
    if (isGathering) return;
    const { stream } = redis;
    isGathering = true;
    stream.cork();
    setImmediate(() => {
      isGathering = false;
      stream.uncork();
    });
  };

  const firstAttempt = Promise.withResolvers<void>();
  redis.on("error", (error) => {
    trouble = error.message;
  });
  redis.on("close", () => {
    trouble ??= NO_CONNECTION;
    firstAttempt.resolve();
  });
  redis.on("ready", async () => {
    trouble = null;
    if (await isCluster(redis)) {
      isRefused = true;
      redis.disconnect();
    }
    firstAttempt.resolve();
  });
  // A Redis that is loading its data is not ready for minutes.
  const patience = setTimeout(firstAttempt.resolve, timeoutMs);
  await firstAttempt.promise;
  clearTimeout(patience);
  if (isRefused) throw new Error(CLUSTER);

  return {
    run: async (ask) => {
      if (isClosed) throw unavailable("the limiter is closed");
      if (isRefused) throw unavailable(CLUSTER);
      if (redis.status !== "ready" || !redis.stream.writable) throw unavailable(trouble ?? NO_CONNECTION);
      running += 1;
      try {
        gather();
        return await ask(redis);
      } catch (error) {
        throw unavailable(trouble ?? (error instanceof Error ? error.message : NO_CONNECTION));
      } finally {
        running -= 1;
        if (running === 0) onIdle?.();
      }
    },
    close: async () => {
      isClosed = true;
      if (running > 0) {
        await new Promise<void>((resolve) => {
          onIdle = resolve;
        });
      }
      redis.disconnect();
    },
  };
}
