import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bucketStart,
  type Charge,
  countedIn,
  decideBuckets,
  decideCharge,
  type LimitWindow,
  longest,
  longestWindowMs,
  type SendRecord,
  toRetryAfterSeconds,
} from "./limits.ts";

const HOUR = 3_600_000;
const NOW = 1_800_000_000_000;

const cooldown: LimitWindow = { limit: 1, windowMs: 60_000, counts: "sends", channel: "sms", refusal: "cooldown" };
const hourly: LimitWindow = { limit: 5, windowMs: HOUR, counts: "sends", refusal: "rate_limited" };
const daily: LimitWindow = { limit: 10, windowMs: 24 * HOUR, counts: "sends", refusal: "rate_limited" };
const tries: LimitWindow = { limit: 20, windowMs: HOUR, counts: "tries", refusal: "rate_limited" };

const number = (...windows: LimitWindow[]): Charge => ({ dimension: "otp.number", key: "+573001234567", windows });
const sent = (secondsAgo: number, change: Partial<SendRecord> = {}): SendRecord => ({
  at: NOW - secondsAgo * 1_000,
  channel: "sms",
  released: false,
  ...change,
});

describe("a sliding window", () => {
  it("accepts the fifth send of an hour and refuses the sixth until the first has left", () => {
    const four = [100, 200, 300, 400].map((s) => sent(s));
    expect(decideCharge(number(hourly), four, NOW)).toBeNull();
    expect(decideCharge(number(hourly), [...four, sent(3_000)], NOW)).toEqual({
      code: "rate_limited",
      dimension: "otp.number",
      retryAfterMs: 600_000,
    });
  });

  it("opens at the very millisecond that it promised", () => {
    const records = [1, 2, 3, 4, 5].map((s) => sent(s));
    const wait = decideCharge(number(hourly), records, NOW)?.retryAfterMs ?? 0;
    expect(decideCharge(number(hourly), records, NOW + wait - 1)?.retryAfterMs).toBe(1);
    expect(decideCharge(number(hourly), records, NOW + wait)).toBeNull();
  });

  it("keeps its promise for any history", () => {
    const history = fc.array(fc.record({ age: fc.integer({ min: 0, max: 7_200 }), released: fc.boolean() }), {
      maxLength: 40,
    });
    const charge = number({ ...hourly, limit: 3 }, { ...tries, limit: 6 }, { ...cooldown, windowMs: 90_000 });
    fc.assert(
      fc.property(history, (entries) => {
        const records = [...entries].sort((a, b) => a.age - b.age).map(({ age, released }) => sent(age, { released }));
        const refusal = decideCharge(charge, records, NOW);
        for (const window of charge.windows) {
          const isFull = countedIn(window, records, NOW).length >= window.limit;
          if (isFull) expect(refusal).not.toBeNull();
        }
        if (refusal === null) return;
        expect(refusal.retryAfterMs).toBeGreaterThan(0);
        expect(decideCharge(charge, records, NOW + refusal.retryAfterMs - 1)).not.toBeNull();
        expect(decideCharge(charge, records, NOW + refusal.retryAfterMs)).toBeNull();
      }),
    );
  });

  it("gives back a released send, never a try", () => {
    const released = Array.from({ length: 20 }, (_, i) => sent(20 + i, { released: true }));
    expect(decideCharge(number(cooldown, hourly, daily), released, NOW)).toBeNull();
    expect(decideCharge(number(tries), released, NOW)).toMatchObject({ code: "rate_limited" });
  });

  it("finds old sends behind any number of released ones", () => {
    const released = Array.from({ length: 200 }, (_, i) => sent(20 + i, { released: true }));
    const old = [3_000, 3_100, 3_200, 3_300, 3_400].map((s) => sent(s));
    expect(decideCharge(number(hourly), [...released, ...old], NOW)).toMatchObject({ retryAfterMs: 200_000 });
  });

  it("counts only its own channel when it has one", () => {
    expect(decideCharge(number(cooldown), [sent(10, { channel: "email" })], NOW)).toBeNull();
    expect(decideCharge(number(cooldown), [sent(10)], NOW)).toEqual({
      code: "cooldown",
      dimension: "otp.number",
      retryAfterMs: 50_000,
    });
  });

  it("takes a send from a clock that is a moment ahead for one of now", () => {
    expect(decideCharge(number(cooldown), [sent(-0.004)], NOW)).toMatchObject({ retryAfterMs: 60_000 });
  });

  it("has no cool-down when it lasts 0 seconds", () => {
    expect(decideCharge(number({ ...cooldown, windowMs: 0 }), [sent(0)], NOW)).toBeNull();
  });

  it("gives the refusal that lasts longest", () => {
    const five = [1, 2, 3, 4, 5].map((s) => sent(s));
    expect(decideCharge(number(cooldown, hourly), five, NOW)).toMatchObject({ code: "rate_limited" });
    const spread = [10, 3_590, 3_591, 3_592, 3_593].map((s) => sent(s));
    expect(decideCharge(number(cooldown, hourly), spread, NOW)).toMatchObject({
      code: "cooldown",
      retryAfterMs: 50_000,
    });
  });
});

describe("a bucketed window", () => {
  const global: Charge = {
    dimension: "otp.global",
    key: "",
    bucketMs: 60_000,
    windows: [{ limit: 100, windowMs: HOUR, counts: "sends", refusal: "rate_limited" }],
  };
  const start = bucketStart(NOW, 60_000);

  it("starts buckets at multiples of their length", () => {
    expect(start % 60_000).toBe(0);
    expect(NOW - start).toBeLessThan(60_000);
    expect(bucketStart(start, 60_000)).toBe(start);
  });

  it("accepts up to the limit", () => {
    expect(decideBuckets(global, [], NOW)).toBeNull();
    expect(decideBuckets(global, [{ start, count: 99 }], NOW)).toBeNull();
    expect(decideBuckets(global, [{ start, count: 100 }], NOW)).not.toBeNull();
  });

  it("waits until enough of the oldest buckets have left whole", () => {
    const buckets = [
      { start: start - 30 * 60_000, count: 1 },
      { start: start - 20 * 60_000, count: 50 },
      { start: start - 10 * 60_000, count: 60 },
    ];
    const refusal = decideBuckets(global, buckets, NOW);
    expect(refusal).toEqual({
      code: "rate_limited",
      dimension: "otp.global",
      retryAfterMs: start - 19 * 60_000 + HOUR - NOW,
    });
    expect(decideBuckets(global, buckets, NOW + (refusal?.retryAfterMs ?? 0) - 1)).not.toBeNull();
    expect(decideBuckets(global, buckets, NOW + (refusal?.retryAfterMs ?? 0))).toBeNull();
  });

  it("never accepts what exact instants would refuse, and keeps its promise", () => {
    const ages = fc.array(fc.integer({ min: 0, max: 2 * HOUR }), { maxLength: 30 });
    const charge = { ...global, windows: [{ ...hourly, limit: 4 }] };
    fc.assert(
      fc.property(ages, (list) => {
        const instants = list.map((age) => NOW - age).sort((a, b) => b - a);
        const counts = new Map<number, number>();
        for (const at of instants) counts.set(bucketStart(at, 60_000), (counts.get(bucketStart(at, 60_000)) ?? 0) + 1);
        const buckets = [...counts].map(([s, count]) => ({ start: s, count })).sort((a, b) => a.start - b.start);
        const exact = decideCharge(
          charge,
          instants.map((at) => ({ at, channel: "sms", released: false })),
          NOW,
        );
        const refusal = decideBuckets(charge, buckets, NOW);
        if (exact !== null) expect(refusal?.retryAfterMs).toBeGreaterThanOrEqual(exact.retryAfterMs);
        if (refusal !== null) expect(decideBuckets(charge, buckets, NOW + refusal.retryAfterMs)).toBeNull();
      }),
    );
  });
});

it("looks back as far as its longest window", () => {
  expect(longestWindowMs(number(cooldown, daily, hourly))).toBe(24 * HOUR);
});

it("keeps the longer of two refusals, the first when they are equal", () => {
  const a = { code: "cooldown", dimension: "a", retryAfterMs: 5 } as const;
  const b = { code: "rate_limited", dimension: "b", retryAfterMs: 6 } as const;
  expect(longest(null, null)).toBeNull();
  expect(longest(a, null)).toBe(a);
  expect(longest(null, b)).toBe(b);
  expect(longest(a, b)).toBe(b);
  expect(longest(b, a)).toBe(b);
  expect(longest(a, { ...b, retryAfterMs: 5 })).toBe(a);
});

it.each([
  [1, 1],
  [999, 1],
  [1_000, 1],
  [1_001, 2],
  [3_599_999, 3_600],
])("says %d ms as %d whole seconds", (ms, seconds) => {
  expect(toRetryAfterSeconds(ms)).toBe(seconds);
});
