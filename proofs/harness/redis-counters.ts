import { Redis } from "ioredis";

/** `sms:<dimension>:<key>:<kind>`: sends in a sorted set, or buckets in a hash that knows their total. */
const COUNTER = /^sms:([a-z.]+):.*:([sb])$/s;

/** The sends that Redis counts now in each dimension, over all its keys. */
export async function readCounters(url: string): Promise<Readonly<Record<string, number>>> {
  const redis = new Redis(url);
  const totals: Record<string, number> = {};
  try {
    for (const key of await redis.keys("sms:*")) {
      const [, dimension, kind] = COUNTER.exec(key) ?? [];
      if (dimension === undefined) continue;
      const count = kind === "b" ? Number(await redis.hget(key, "total")) : await redis.zcard(key);
      totals[dimension] = (totals[dimension] ?? 0) + count;
    }
    return totals;
  } finally {
    redis.disconnect();
  }
}
