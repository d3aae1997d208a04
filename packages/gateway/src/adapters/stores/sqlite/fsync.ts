import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

const ROUNDS = 9;
const PAGE = new Uint8Array(4096);

/**
 * Measures what one durable write costs on the disk of a folder: every commit pays it, on the event loop.
 *
 * @returns median milliseconds
 */
export function measureFsyncMs(folder: string): number {
  const scratch = mkdtempSync(join(folder, "fsync-"));
  try {
    const file = openSync(join(scratch, "probe"), "w");
    const times = Array.from({ length: ROUNDS }, () => {
      const startedAt = performance.now();
      writeSync(file, PAGE);
      fdatasyncSync(file);
      return performance.now() - startedAt;
    }).sort((a, b) => a - b);
    closeSync(file);
    return times[Math.floor(ROUNDS / 2)] ?? 0;
  } finally {
    rmSync(scratch, { recursive: true });
  }
}
