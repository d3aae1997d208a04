import { longestWindowMs } from "../../../domain/limits.ts";
import type { LimitStore } from "../../../ports/limit-store.ts";
import type { Pools } from "./connection.ts";
import { counterLock, readCounters } from "./counters.ts";
import { addressLock } from "./locks.ts";
import type { Slices } from "./slices.ts";
import { inTransaction, rowsOf, type Statement } from "./transaction.ts";

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

export const createLimits = ({ work, read }: Pools, slices: Slices): LimitStore => ({
  readSends: async (charge, now) => {
    const { dimension, key } = charge;
    const range = { dimension, key, since: now - longestWindowMs(charge) };
    const [records = []] = await readCounters((statement, values) => rowsOf(read, statement, values), [range]);
    return records;
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
});
