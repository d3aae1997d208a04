import { describe, expect, it } from "vitest";
import { FAILURE_WINDOW_MS, type FailureBudget, failuresToday, failureWaitMs } from "./failures.ts";

const MINUTE = 60_000;
const NOW = 1_800_000_000_000;
const MAX = 20;

/** So many wrong guesses, the newest `ageMs` ago, each a second before the next. */
const wrong = (count: number, ageMs = 0, approvedAt: number | null = null): FailureBudget => ({
  failures: Array.from({ length: count }, (_, i) => NOW - ageMs - i * 1_000),
  approvedAt,
});

describe("the wait after wrong guesses", () => {
  it.each([
    [0, 0],
    [1, 0],
    [4, 0],
    [5, 1],
    [6, 0],
    [9, 0],
    [10, 5],
    [11, 0],
    [15, 15],
    [16, 0],
    [19, 0],
  ])("after %i guesses is %i minutes", (count, minutes) => {
    expect(failureWaitMs(wrong(count), MAX, NOW)).toBe(minutes * MINUTE);
  });

  it("runs out by itself, at its very millisecond", () => {
    expect(failureWaitMs(wrong(5, 59_999), MAX, NOW)).toBe(1);
    expect(failureWaitMs(wrong(5, 60_000), MAX, NOW)).toBe(0);
    expect(failureWaitMs(wrong(10, 4 * MINUTE), MAX, NOW)).toBe(MINUTE);
  });

  it("is none before its time when another process's clock is some milliseconds ahead", () => {
    expect(failureWaitMs(wrong(1, -40), MAX, NOW)).toBe(0);
    expect(failureWaitMs(wrong(5, -40), MAX, NOW)).toBe(MINUTE + 40);
  });

  it("ends with an approval, which leaves the count alone", () => {
    const approved = wrong(5, 10_000, NOW - 5_000);
    expect(failureWaitMs(approved, MAX, NOW)).toBe(0);
    expect(failuresToday(approved, NOW)).toBe(5);
  });

  it("starts again with a wrong guess after an approval", () => {
    expect(failureWaitMs(wrong(10, 1_000, NOW - 2_500), MAX, NOW)).toBe(5 * MINUTE - 1_000);
  });

  it("counts the guesses of the day before the last one, no older", () => {
    const fresh = wrong(4).failures;
    const dayOld = NOW - FAILURE_WINDOW_MS;
    expect(failureWaitMs({ failures: [...fresh, dayOld], approvedAt: null }, MAX, NOW)).toBe(0);
    expect(failureWaitMs({ failures: [...fresh, dayOld + 1], approvedAt: null }, MAX, NOW)).toBe(MINUTE);
  });
});

describe("the daily maximum", () => {
  it("waits until the oldest of twenty is a day old", () => {
    expect(failureWaitMs(wrong(20), MAX, NOW)).toBe(FAILURE_WINDOW_MS - 19_000);
    expect(failureWaitMs(wrong(20, FAILURE_WINDOW_MS - 19_001), MAX, NOW)).toBe(1);
    expect(failureWaitMs(wrong(20, FAILURE_WINDOW_MS - 19_000), MAX, NOW)).toBe(0);
  });

  it("is not ended by an approval", () => {
    expect(failureWaitMs(wrong(20, 0, NOW), MAX, NOW)).toBe(FAILURE_WINDOW_MS - 19_000);
  });

  it("follows the number that it is given", () => {
    expect(failureWaitMs(wrong(3), 3, NOW)).toBe(FAILURE_WINDOW_MS - 2_000);
    expect(failureWaitMs(wrong(2), 3, NOW)).toBe(0);
  });

  it("lets at most twenty guesses into any day, however patient the guesser", () => {
    let failures: readonly number[] = [];
    let now = NOW;
    for (let step = 0; step < 200; step++) {
      now += failureWaitMs({ failures, approvedAt: null }, MAX, now);
      failures = [now, ...failures];
      expect(failuresToday({ failures, approvedAt: null }, now)).toBeLessThanOrEqual(MAX);
      now += 1;
    }
    expect((now - NOW) / FAILURE_WINDOW_MS).toBeGreaterThan(8);
  });
});

it("forgets a guess when it is a day old", () => {
  const budget = { failures: [NOW], approvedAt: null };
  expect(failuresToday(budget, NOW + FAILURE_WINDOW_MS - 1)).toBe(1);
  expect(failuresToday(budget, NOW + FAILURE_WINDOW_MS)).toBe(0);
});
