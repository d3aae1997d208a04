import { readFileSync } from "node:fs";
import type { Clock } from "../src/ports/clock.ts";

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Reads the time from a file, where it stands still until somebody writes another: a day passes in one line.
 * Only the time is the file's; `sleep` takes as long as it says, so that loops go on turning.
 *
 * @param path holds epoch milliseconds as text; whoever moves it replaces the file in one step
 */
export const createFileClock = (path: string): Clock => ({
  now: () => {
    const at = Number(readFileSync(path, "utf8"));
    if (!Number.isSafeInteger(at) || at <= 0) throw new Error("the clock file holds no instant");
    return at;
  },
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const wake = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, Math.min(ms, LONGEST_TIMER_MS));
      signal?.addEventListener("abort", wake);
    }),
});
