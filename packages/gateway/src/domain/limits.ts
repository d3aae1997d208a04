import type { Channel } from "@mestore/sms-gateway-contract";

/** One send as its dimension remembers it. `released` when the provider certainly did not send it. */
export interface SendRecord {
  readonly at: number;
  readonly channel: Channel;
  readonly released: boolean;
}

/** At most `limit` sends in any `windowMs`, ending now. */
export interface LimitWindow {
  readonly limit: number;
  readonly windowMs: number;
  /** `sends` are given back when nothing was sent, `tries` never. */
  readonly counts: "sends" | "tries";
  /** Only sends on this channel count. */
  readonly channel?: Channel;
  readonly refusal: "cooldown" | "rate_limited";
}

/** What one send is charged to: a counter and the windows that it must fit. */
export interface Charge {
  /** `number`, `email`, `subject`, `client`, `block` or `global`, behind the lane: `otp.number`. */
  readonly dimension: string;
  readonly key: string;
  readonly windows: readonly LimitWindow[];
  /** Counts per bucket of this length instead of per instant: cheaper, and exact to one bucket. */
  readonly bucketMs?: number;
}

export interface Refusal {
  readonly code: "cooldown" | "rate_limited";
  readonly dimension: string;
  readonly retryAfterMs: number;
}

export const longestWindowMs = (charge: Charge): number => Math.max(...charge.windows.map((w) => w.windowMs));

/** Below this many sends no window can refuse. */
export const lowestLimit = (charge: Charge): number => Math.min(...charge.windows.map((w) => w.limit));

/** Clocks of processes that share a database differ by so much at the most. */
const CLOCK_LEAD_MS = 1_000;

/** What another process wrote a moment ahead of this clock counts as of now. */
const asOfNow = (at: number, now: number): number => (at > now && at - now <= CLOCK_LEAD_MS ? now : at);

const isCounted = (record: SendRecord, window: LimitWindow): boolean =>
  (window.counts === "tries" || !record.released) &&
  (window.channel === undefined || record.channel === window.channel);

/** The instants that a window holds at `now`, newest first. */
export const countedIn = (window: LimitWindow, records: readonly SendRecord[], now: number): readonly number[] =>
  records.filter((r) => r.at > now - window.windowMs && isCounted(r, window)).map((r) => r.at);

/** What a message remembers of its charges, so that they can be given back: dimension, key, length of a bucket or 0. */
export type ChargeNote = readonly (readonly [dimension: string, key: string, bucketMs: number])[];

export const toChargeNote = (charges: readonly Charge[]): ChargeNote =>
  charges.map(({ dimension, key, bucketMs }) => [dimension, key, bucketMs ?? 0]);

/** Keeps the refusal that lasts longest, so that `Retry-After` is the instant at which nothing refuses any more. */
export const longest = (a: Refusal | null, b: Refusal | null): Refusal | null =>
  a === null ? b : b === null || b.retryAfterMs <= a.retryAfterMs ? a : b;

/**
 * Decides one send over one dimension.
 *
 * @param records every send of that key within the longest window, newest first
 * @returns null when it fits, else the refusal with the exact wait
 */
export function decideCharge(charge: Charge, records: readonly SendRecord[], now: number): Refusal | null {
  let refusal: Refusal | null = null;
  for (const window of charge.windows) {
    const oldestThatMustLeave = countedIn(window, records, now)[window.limit - 1];
    if (oldestThatMustLeave === undefined) continue;
    refusal = longest(refusal, {
      code: window.refusal,
      dimension: charge.dimension,
      retryAfterMs: asOfNow(oldestThatMustLeave, now) + window.windowMs - now,
    });
  }
  return refusal;
}

/** Sends counted between `start` and `start + bucketMs`. */
export interface Bucket {
  readonly start: number;
  readonly count: number;
}

export const bucketStart = (at: number, bucketMs: number): number => at - (at % bucketMs);

/**
 * Decides one send over a bucketed dimension. A bucket counts until its last instant has left the window.
 *
 * @param buckets oldest first
 */
export function decideBuckets(charge: Charge, buckets: readonly Bucket[], now: number): Refusal | null {
  const { bucketMs = 0 } = charge;
  let refusal: Refusal | null = null;
  for (const { limit, windowMs, refusal: code } of charge.windows) {
    const inside = buckets.filter((b) => b.start + bucketMs > now - windowMs);
    let surplus = inside.reduce((sum, b) => sum + b.count, 0) - limit + 1;
    for (const bucket of inside) {
      if (surplus <= 0) break;
      surplus -= bucket.count;
      const retryAfterMs = bucket.start + bucketMs + windowMs - now;
      if (surplus <= 0) refusal = longest(refusal, { code, dimension: charge.dimension, retryAfterMs });
    }
  }
  return refusal;
}

/** Whole seconds after which the refused request can succeed. */
export const toRetryAfterSeconds = (retryAfterMs: number): number => Math.max(1, Math.ceil(retryAfterMs / 1000));
