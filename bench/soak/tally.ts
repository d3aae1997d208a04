import { createHistogram, type Histogram } from "./histogram.ts";
import type { Kind } from "./mix.ts";

const ERRORS_KEPT = 10;
const MINUTE_MS = 60_000;

export interface Minute {
  readonly requests: number;
  readonly p99Ms: number;
  readonly errors: number;
}

/** All requests of one kind. */
export interface KindCount {
  readonly kind: string;
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Everything that was asked, and what came of it. */
export interface Tally {
  /** @param ms from the instant at which the request was due */
  note(kind: Kind, ms: number, problem: string | null): void;
  /** What went wrong beside the answers. */
  complain(kind: string, problem: string): void;
  /** Closes the minute when it is over; the last one by force. */
  closeMinutes(isOver?: boolean): void;
  readonly minutes: readonly Minute[];
  kinds(): readonly KindCount[];
  requests(): number;
  /** By kind; none is expected. */
  errors(): Readonly<Record<string, number>>;
  /** The first ones, in words. */
  readonly examples: readonly string[];
}

export function createTally(): Tally {
  const kinds = new Map<Kind, Histogram>();
  const errors = new Map<string, number>();
  const examples: string[] = [];
  const minutes: Minute[] = [];
  let minute = createHistogram();
  let errorsOfMinute = 0;
  let minuteStartedAt = performance.now();

  const histogramOf = (kind: Kind): Histogram => {
    const histogram = kinds.get(kind) ?? createHistogram();
    kinds.set(kind, histogram);
    return histogram;
  };
  const complain = (kind: string, problem: string): void => {
    errors.set(kind, (errors.get(kind) ?? 0) + 1);
    errorsOfMinute += 1;
    if (examples.length < ERRORS_KEPT) examples.push(`${kind}: ${problem}`);
  };

  return {
    note: (kind, ms, problem) => {
      histogramOf(kind).add(ms);
      minute.add(ms);
      if (problem !== null) complain(kind, problem);
    },
    complain,
    closeMinutes: (isOver = false) => {
      if (!isOver && performance.now() - minuteStartedAt < MINUTE_MS) return;
      minutes.push({ requests: minute.count(), p99Ms: minute.percentile(0.99), errors: errorsOfMinute });
      minute = createHistogram();
      errorsOfMinute = 0;
      minuteStartedAt = performance.now();
    },
    minutes,
    kinds: () =>
      [...kinds].map(([kind, histogram]) => ({
        kind,
        requests: histogram.count(),
        p50Ms: histogram.percentile(0.5),
        p99Ms: histogram.percentile(0.99),
      })),
    requests: () => [...kinds.values()].reduce((sum, histogram) => sum + histogram.count(), 0),
    errors: () => Object.fromEntries(errors),
    examples,
  };
}
