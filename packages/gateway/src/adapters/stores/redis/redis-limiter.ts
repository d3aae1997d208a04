import type { Charge } from "../../../domain/limits.ts";
import type { Limiter } from "../../../ports/limiter.ts";
import { openConnection } from "./connection.ts";

const TIMEOUT_MS = 1_000;

export interface RedisLimiterOptions {
  /** `redis://` or `rediss://`, with user, password, port and database. */
  readonly url: string;
  /** In front of every key, so that several gateways can share one Redis. Default `sms:`. */
  readonly keyPrefix?: string;
  /** How long Redis may take to answer. Default 1000. */
  readonly timeoutMs?: number;
}

/** What `reserve.lua` needs to know of a charge, as JSON. */
function toRule({ bucketMs = 0, windows }: Charge): string {
  let rules = "";
  let longestMs = 0;
  let hasTries = 0;
  for (const { limit, windowMs, counts, channel } of windows) {
    const isTries = counts === "tries" ? 1 : 0;
    hasTries |= isTries;
    longestMs = Math.max(longestMs, windowMs);
    rules += `,${limit},${windowMs},${isTries},"${channel ?? ""}"`;
  }
  return `[${bucketMs},${longestMs},${hasTries}${rules}]`;
}

/**
 * Counts in Redis, with one script per decision. Works on one Redis or Valkey, or a primary with replicas.
 *
 * Starts without Redis too; until it is there every method throws `service_unavailable`.
 *
 * @throws {Error} when the URL is malformed, or leads to a Redis Cluster
 */
export async function createRedisLimiter(options: RedisLimiterOptions): Promise<Limiter> {
  const { url, keyPrefix = "sms:", timeoutMs = TIMEOUT_MS } = options;
  const connection = await openConnection({ url, timeoutMs });

  // The last letter says what a key holds, so that no two kinds can have the same name.
  const noteKey = (id: string): string => `${keyPrefix}${id}:m`;
  const counterKey = ({ dimension, key }: Charge, kind: "s" | "r" | "b"): string =>
    `${keyPrefix}${dimension}:${key}:${kind}`;

  return {
    backend: "redis",
    reserve: async ({ id, charges, channel, now }) => {
      const keys = charges.map((charge) => counterKey(charge, charge.bucketMs === undefined ? "s" : "b"));
      const rules = `[${charges.map(toRule).join()}]`;
      const refused = await connection.run((redis) =>
        redis.reserve(keys.length + 1, noteKey(id), ...keys, `${channel}:${id}`, now, rules),
      );
      if (refused === null) return null;
      const [chargeNumber, windowNumber, retryAfterMs] = refused;
      const charge = charges[chargeNumber - 1];
      const window = charge?.windows[windowNumber - 1];
      if (charge === undefined || window === undefined) throw new Error("Redis refused by a rule that nobody gave it");
      return { code: window.refusal, dimension: charge.dimension, retryAfterMs };
    },
    release: async (id, what) => {
      await connection.run((redis) => redis.release(noteKey(id), what));
    },
    reset: async (charges) => {
      const keys = charges.flatMap((charge) =>
        charge.bucketMs === undefined ? [counterKey(charge, "s"), counterKey(charge, "r")] : [counterKey(charge, "b")],
      );
      if (keys.length > 0) await connection.run((redis) => redis.del(...keys));
    },
    ping: async () => {
      await connection.run((redis) => redis.probe(`${keyPrefix}ping`));
    },
    close: connection.close,
  };
}
