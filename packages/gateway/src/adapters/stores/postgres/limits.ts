import { longestWindowMs, type SendRecord } from "../../../domain/limits.ts";
import type { LimitStore } from "../../../ports/limit-store.ts";
import type { Pools } from "./connection.ts";
import { type CounterRange, counterLock, readCounters } from "./counters.ts";
import { type CreateGroup, eachItsOwn } from "./group.ts";
import { addressLock } from "./locks.ts";
import type { Slices } from "./slices.ts";
import { inTransaction, readTogether, type Statement } from "./transaction.ts";

const DELETE_SENDS: Statement = {
  name: "forget_sends",
  text: `delete from sends s using unnest($1::text[], $2::text[]) as c (dimension, key)
    where s.key = c.key and s.dimension = c.dimension`,
};
const DELETE_BUCKETS: Statement = {
  name: "forget_buckets",
  text: `delete from send_buckets b using unnest($1::text[], $2::text[]) as c (dimension, key)
    where b.dimension = c.dimension and b.key = c.key`,
};
const DELETE_GUESSES: Statement = { name: "forget_guesses", text: "delete from guesses where address = $1" };

interface Parts {
  readonly pools: Pools;
  readonly slices: Slices;
  /** For what is read and not written. */
  readonly gather: CreateGroup;
}

export function createLimits({ pools: { work, read }, slices, gather }: Parts): LimitStore {
  const counters = gather<CounterRange, readonly SendRecord[]>({
    keyOf: eachItsOwn(),
    run: (ranges) => readTogether(read, async (rows) => (await readCounters(rows, ranges)).map((value) => ({ value }))),
  });
  return {
    readSends: (charge, now) => {
      const { dimension, key } = charge;
      return counters.run({ dimension, key, since: now - longestWindowMs(charge) });
    },
    resetNumber: async (phone, charges) => {
      const counters = [charges.map(({ dimension }) => dimension), charges.map(({ key }) => key)];
      await inTransaction(work, async (transaction) => {
        transaction.lock([addressLock(phone), ...charges.map(counterLock)]);
        transaction.send(DELETE_SENDS, counters);
        transaction.send(DELETE_BUCKETS, counters);
        transaction.send(DELETE_GUESSES, [phone]);
        await transaction.commit();
      });
      charges.forEach(slices.forget);
    },
  };
}
