const MINUTE_MS = 60_000;
export const FAILURE_WINDOW_MS = 24 * 60 * MINUTE_MS;

/** After so many wrong guesses on an address within a day, its starts and checks wait. */
const WAITS: readonly { readonly failures: number; readonly waitMs: number }[] = [
  { failures: 5, waitMs: MINUTE_MS },
  { failures: 10, waitMs: 5 * MINUTE_MS },
  { failures: 15, waitMs: 15 * MINUTE_MS },
];

/** The wrong guesses of one address. */
export interface FailureBudget {
  /** Instants of the wrong guesses of the last two days, newest first. */
  readonly failures: readonly number[];
  /** When a right guess last ended a wait; it ends the wait, not the count. */
  readonly approvedAt: number | null;
}

const countSince = (failures: readonly number[], from: number, to: number): number =>
  failures.filter((at) => at > from && at <= to).length;

/**
 * Tells how long an address still waits.
 *
 * @param maxPerDay wrong guesses after which it waits until the oldest of them is a day old
 * @returns milliseconds, 0 when it does not wait
 */
export function failureWaitMs(budget: FailureBudget, maxPerDay: number, now: number): number {
  const { failures, approvedAt } = budget;
  const oldestOfFullDay = failures.filter((at) => at > now - FAILURE_WINDOW_MS)[maxPerDay - 1];
  if (oldestOfFullDay !== undefined) return oldestOfFullDay + FAILURE_WINDOW_MS - now;
  const last = failures[0];
  if (last === undefined || (approvedAt !== null && approvedAt >= last)) return 0;
  const reached = countSince(failures, last - FAILURE_WINDOW_MS, last);
  const wait = WAITS.find((w) => w.failures === reached);
  // Another process's clock may be some milliseconds ahead: a guess of the future is no wait by itself.
  return wait === undefined ? 0 : Math.max(0, last + wait.waitMs - now);
}

export const failuresToday = (budget: FailureBudget, now: number): number =>
  countSince(budget.failures, now - FAILURE_WINDOW_MS, now);
