import type { Pool } from "pg";
import {
  type Bucket,
  bucketStart,
  type Charge,
  decideBuckets,
  type LimitWindow,
  longest,
  type Refusal,
} from "../../../domain/limits.ts";
import { inTransaction, rowsOf, type Statement } from "./transaction.ts";

/** A slice is at most this part of its cap, and so many sends. A process that dies leaves one unused for a window. */
const SHARE_OF_CAP = 200;
const MAX_SLICE = 256;

/** Units that one batch may use. */
export interface Grant {
  /** The refusal when no unit is left; null also for a counter that is kept send by send. */
  decide(charges: readonly Charge[], now: number): Refusal | null;
  /** Takes a unit of each. */
  take(charges: readonly Charge[]): void;
  /** Begins again: the transaction was undone and is tried once more. */
  reset(): void;
  /** Hands unused units back to the process. */
  close(): void;
}

/**
 * Counters that all sends share. Each process leases a slice of the cap, in a commit of its own, and hands it out by
 * itself: what is in the table is never less than what was sent, so the sum over all processes stays under the cap
 * whatever dies, and no row is written by every send.
 */
export interface Slices {
  reserve(steps: readonly { readonly charges: readonly Charge[]; readonly now: number }[]): Promise<Grant>;
  /** Drops what this process holds, after a reset. */
  forget(charge: Charge): void;
}

interface Slice {
  start: number;
  left: number;
  /** What the table held when the cap was last reached. */
  full: readonly Bucket[];
}

const LEASE: Statement = {
  name: "lease_slice",
  text: `with held as (
      select coalesce(sum(count), 0) as total from send_buckets where dimension = $1 and key = $2 and start > $3
    ), granted as (
      select greatest(0, least($5::int8, $6::int8 - total))::int as units from held
    ), kept as (
      insert into send_buckets (dimension, key, start, count) select $1, $2, $4, units from granted where units > 0
      on conflict (dimension, key, start) do update set count = send_buckets.count + excluded.count
    )
    select units from granted`,
};
const RETURN: Statement = {
  name: "return_slice",
  text: "update send_buckets set count = greatest(0, count - $4::int) where dimension = $1 and key = $2 and start = $3",
};
const BUCKETS: Statement = {
  name: "read_buckets",
  text: "select start, count from send_buckets where dimension = $1 and key = $2 and start > $3 order by start",
};

const sliceOf = (limit: number): number => Math.min(MAX_SLICE, Math.floor(limit / SHARE_OF_CAP));

interface SharedCounter {
  readonly name: string;
  readonly charge: Charge;
  readonly window: LimitWindow;
  readonly bucketMs: number;
}

function toShared(charge: Charge): SharedCounter | null {
  const { bucketMs, windows, dimension, key } = charge;
  const [window] = windows;
  if (bucketMs === undefined || window === undefined) return null;
  return { name: `${dimension}:${key}`, charge, window, bucketMs };
}

interface Held {
  readonly counter: SharedCounter;
  readonly slice: Slice;
  readonly start: number;
  readonly units: number;
  used: number;
}

function toGrant(held: ReadonlyMap<string, Held>, onClose: (held: Held) => void): Grant {
  const decideOne = (charge: Charge, now: number): Refusal | null => {
    const counter = toShared(charge);
    if (counter === null) return null;
    const grant = held.get(counter.name);
    if (grant !== undefined && grant.used < grant.units) return null;
    const { refusal: code } = counter.window;
    // Units that came back since the cap was reached are there for the next batch.
    return (
      decideBuckets(charge, grant?.slice.full ?? [], now) ?? { code, dimension: charge.dimension, retryAfterMs: 1 }
    );
  };
  return {
    decide: (charges, now) => charges.reduce<Refusal | null>((refusal, c) => longest(refusal, decideOne(c, now)), null),
    take: (charges) => {
      for (const charge of charges) {
        const grant = held.get(toShared(charge)?.name ?? "");
        if (grant !== undefined) grant.used += 1;
      }
    },
    reset: () => {
      for (const grant of held.values()) grant.used = 0;
    },
    close: () => {
      for (const grant of held.values()) {
        const { slice, start, units, used } = grant;
        if (slice.start === start) slice.left += units - used;
        onClose(grant);
      }
    },
  };
}

export function createSlices(pool: Pool): Slices {
  const slices = new Map<string, Slice>();

  const lease = async ({ name, charge, window, bucketMs }: SharedCounter, units: number, now: number) => {
    const { dimension, key } = charge;
    const start = bucketStart(now, bucketMs);
    const from = now - window.windowMs - bucketMs;
    const slice = slices.get(name) ?? { start, left: 0, full: [] };
    slices.set(name, slice);
    const stale = slice.start === start ? 0 : slice.left;
    const staleStart = slice.start;
    if (slice.start !== start) Object.assign(slice, { start, left: 0 });
    if (slice.left >= units) return slice;
    const wanted = units - slice.left + sliceOf(window.limit);
    const granted = await inTransaction(pool, async (transaction) => {
      transaction.lock([name]);
      if (stale > 0) transaction.send(RETURN, [dimension, key, staleStart, stale]);
      const rows = transaction.rows<{ units: number }>(LEASE, [dimension, key, from, start, wanted, window.limit]);
      await transaction.commit();
      return (await rows)[0]?.units ?? 0;
    });
    if (slice.start === start) slice.left += granted;
    if (slice.left < units) slice.full = await rowsOf<Bucket & object>(pool, BUCKETS, [dimension, key, from]);
    return slice;
  };

  /** Sends that are refused for other reasons leave their units behind: what is more than a slice is for everybody. */
  const returnSurplus = ({ counter, slice, start }: Held): void => {
    const { name, charge, window } = counter;
    const surplus = slice.start === start ? slice.left - sliceOf(window.limit) : 0;
    if (surplus <= 0) return;
    slice.left -= surplus;
    const returning = inTransaction(pool, async (transaction) => {
      transaction.lock([name]);
      transaction.send(RETURN, [charge.dimension, charge.key, start, surplus]);
      await transaction.commit();
    });
    // What could not be returned is unused for a window.
    returning.catch(() => undefined);
  };

  const reserve: Slices["reserve"] = async (steps) => {
    const demand = new Map<string, { readonly counter: SharedCounter; now: number; units: number }>();
    for (const { charges, now } of steps) {
      for (const charge of charges) {
        const counter = toShared(charge);
        if (counter === null) continue;
        const known = demand.get(counter.name) ?? { counter, now, units: 0 };
        known.units += 1;
        // A unit in an older bucket than its send would leave the window before it.
        known.now = Math.max(known.now, now);
        demand.set(counter.name, known);
      }
    }
    const held = new Map<string, Held>();
    for (const [name, { counter, now, units }] of demand) {
      const slice = await lease(counter, units, now);
      const granted = Math.min(units, slice.left);
      slice.left -= granted;
      held.set(name, { counter, slice, start: slice.start, units: granted, used: 0 });
    }
    return toGrant(held, returnSurplus);
  };

  // One after another: a batch that waits for a slice must find the units that it waited for. When the database does not
  // answer the first, those that wait behind it are told at the same time.
  let turn: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return {
    reserve: (steps) => {
      const before = waiting === 0 ? Promise.resolve() : turn;
      waiting += 1;
      const grant = before.then(() => reserve(steps));
      const ended = (): void => {
        waiting -= 1;
      };
      grant.then(ended, ended);
      turn = grant;
      return grant;
    },
    forget: (charge) => void slices.delete(toShared(charge)?.name ?? ""),
  };
}
