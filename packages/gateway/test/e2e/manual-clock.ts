import type { Clock } from "../../src/ports/clock.ts";

export interface ManualClock extends Clock {
  advance(ms: number): void;
}

/**
 * Stands still until it is advanced. Only its time does: `sleep` takes as long as it says, so that loops go on turning.
 *
 * @param options.runs time also passes by itself, for what is tried again after a while
 */
export function createManualClock({ runs = false } = {}): ManualClock {
  const startedAt = performance.now();
  let at = Date.UTC(2026, 0, 15, 12);
  return {
    now: () => (runs ? Math.floor(at + performance.now() - startedAt) : at),
    advance: (ms) => {
      at += ms;
    },
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) return resolve();
        const wake = () => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", wake);
          resolve();
        };
        const timer = setTimeout(wake, Math.min(ms, 2 ** 31 - 1));
        signal?.addEventListener("abort", wake);
      }),
  };
}
