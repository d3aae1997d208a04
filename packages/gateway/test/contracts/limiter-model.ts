import fc from "fast-check";
import { expect } from "vitest";
import {
  bucketStart,
  type Charge,
  decideBuckets,
  decideCharge,
  longest,
  type Refusal,
  type SendRecord,
} from "../../src/domain/limits.ts";
import type { Limiter, Reservation } from "../../src/ports/limiter.ts";
import { cooldown, HOUR, MINUTE, NOW, sendsPer, triesPer } from "./store-fixtures.ts";

const IDS = 8;

const number = (key: string, channel: "sms" | "email"): Charge => ({
  dimension: "otp.number",
  key,
  windows: [
    sendsPer(3, HOUR),
    sendsPer(5, 4 * HOUR),
    triesPer(4, HOUR),
    cooldown(2 * MINUTE, channel),
    { ...cooldown(HOUR, channel), limit: 2, counts: "tries" },
  ],
});
const client: Charge = { dimension: "otp.client", key: "192.0.2.1", windows: [sendsPer(4, HOUR)] };
const global: Charge = {
  dimension: "otp.global",
  key: "all",
  windows: [sendsPer(4, HOUR), sendsPer(7, 3 * HOUR)],
  bucketMs: 10 * MINUTE,
};

type Step =
  | { readonly kind: "reserve"; readonly id: string; readonly channel: "sms" | "email"; readonly pick: number }
  | { readonly kind: "release"; readonly id: string; readonly what: "sends" | "everything" }
  | { readonly kind: "reset"; readonly pick: number }
  | { readonly kind: "wait"; readonly ms: number };

const id = fc.integer({ min: 0, max: IDS - 1 }).map((n) => `msg_${n}`);
const pick = fc.integer({ min: 1, max: 15 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("reserve" as const),
      id,
      channel: fc.constantFrom("sms" as const, "email" as const),
      pick,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("release" as const),
      id,
      what: fc.constantFrom("sends" as const, "everything" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reset" as const), pick }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      ms: fc.oneof(
        fc.integer({ min: 0, max: 10 }),
        fc.integer({ min: 1, max: 30 }).map((n) => n * MINUTE),
      ),
    }),
  },
);

/** Some of the charges, one bit of `pick` for each. */
const chargesOf = (bits: number, channel: "sms" | "email" = "sms"): readonly Charge[] =>
  [number("+573001", channel), number("+573002", channel), client, global].filter((_, bit) => (bits >> bit) & 1);

interface Entry {
  record: SendRecord;
  readonly charge: string;
  readonly id: string;
}

/** The counters as plain lists, decided by the pure functions. */
function createModel() {
  let entries: Entry[] = [];
  const held = new Set<string>();
  const nameOf = ({ dimension, key }: Charge): string => `${dimension} ${key}`;

  const decide = (charge: Charge, now: number): Refusal | null => {
    const records = entries
      .filter((entry) => entry.charge === nameOf(charge))
      .map((entry) => entry.record)
      .sort((a, b) => b.at - a.at);
    const { bucketMs } = charge;
    if (bucketMs === undefined) return decideCharge(charge, records, now);
    const counts = new Map<number, number>();
    for (const { at, released } of records) {
      const start = bucketStart(at, bucketMs);
      counts.set(start, (counts.get(start) ?? 0) + (released ? 0 : 1));
    }
    const buckets = [...counts].map(([start, count]) => ({ start, count })).sort((a, b) => a.start - b.start);
    return decideBuckets(charge, buckets, now);
  };

  return {
    reserve: ({ id: messageId, charges, channel, now }: Reservation): Refusal | null => {
      if (held.has(messageId)) return null;
      const refusal = charges.reduce<Refusal | null>((worst, charge) => longest(worst, decide(charge, now)), null);
      if (refusal !== null) return refusal;
      held.add(messageId);
      const record = { at: now, channel, released: false };
      entries.push(...charges.map((charge) => ({ record, charge: nameOf(charge), id: messageId })));
      return null;
    },
    release: (messageId: string, what: "sends" | "everything"): void => {
      if (!held.delete(messageId)) return;
      const isMine = (entry: Entry): boolean => entry.id === messageId && !entry.record.released;
      if (what === "everything") entries = entries.filter((entry) => !isMine(entry));
      for (const entry of entries.filter(isMine)) entry.record = { ...entry.record, released: true };
    },
    reset: (charges: readonly Charge[]): void => {
      const names = charges.map(nameOf);
      entries = entries.filter((entry) => !names.includes(entry.charge));
    },
  };
}

async function play(limiter: Limiter, steps: readonly Step[]): Promise<void> {
  const model = createModel();
  let now = NOW;
  for (const next of steps) {
    if (next.kind === "wait") now += next.ms;
    if (next.kind === "release") {
      model.release(next.id, next.what);
      await limiter.release(next.id, next.what);
    }
    if (next.kind === "reset") {
      // The bucketed counter forgets whose sends it counted, so a release after a reset may take somebody else's.
      const charges = chargesOf(next.pick & 7);
      model.reset(charges);
      await limiter.reset(charges);
    }
    if (next.kind === "reserve") {
      const { id: messageId, channel } = next;
      const reservation = { id: messageId, charges: chargesOf(next.pick, channel), channel, now };
      const expected = model.reserve(reservation);
      expect(await limiter.reserve(reservation)).toEqual(expected);
    }
  }
}

/** Plays random sends, releases, resets and waits on a limiter and on the pure functions: they never differ. */
export async function agreesWithTheDomain(open: () => Promise<Limiter>): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120, size: "max" }), async (steps) => {
      const limiter = await open();
      await play(limiter, steps);
      await limiter.close();
    }),
    { numRuns: 150 },
  );
}
