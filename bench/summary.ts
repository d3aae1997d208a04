import type { CpuTimes } from "./engines/gateway.ts";
import type { Setup } from "./engines/setups.ts";
import { OPERATIONS, type Operation, type Speed } from "./measure.ts";
import type { SetupRound } from "./round.ts";

const MEGABYTE = 1_048_576;

export interface OperationSummary {
  readonly operation: Operation;
  readonly gateway: Speed;
  readonly echo: Speed;
  /** Median of each round's own quotient of requests per second. */
  readonly shareOfEcho: number;
}

/** Medians over the rounds of one setup. */
export interface Summary {
  readonly setup: Setup;
  readonly firstStartMs: number;
  readonly startMs: number;
  /** Of one process. */
  readonly restMegabytes: number;
  readonly usedMegabytes: number;
  /** Rounds with a checkpoint of PostgreSQL in the measured part. */
  readonly checkpoints: number;
  readonly operations: readonly OperationSummary[];
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

function medianCpu(times: readonly CpuTimes[]): CpuTimes {
  const kinds = Object.keys(times[0] ?? {});
  return Object.fromEntries(kinds.map((kind) => [kind, median(times.map((each) => each[kind] ?? Number.NaN))]));
}

const medianSpeed = (speeds: readonly Speed[]): Speed => ({
  requestsPerSecond: median(speeds.map((s) => s.requestsPerSecond)),
  p50Ms: median(speeds.map((s) => s.p50Ms)),
  p99Ms: median(speeds.map((s) => s.p99Ms)),
  cpuMicroseconds: medianCpu(speeds.map((s) => s.cpuMicroseconds)),
});

/** @param rounds of one setup */
export function summarize(setup: Setup, rounds: readonly SetupRound[]): Summary {
  const summaryOf = (operation: Operation): readonly OperationSummary[] => {
    const pairs = rounds.flatMap((round) => round.operations[operation] ?? []);
    if (pairs.length === 0) return [];
    const gateway = medianSpeed(pairs.map((pair) => pair.gateway));
    const echo = medianSpeed(pairs.map((pair) => pair.echo));
    const shareOfEcho = median(pairs.map((p) => p.gateway.requestsPerSecond / p.echo.requestsPerSecond));
    return [{ operation, gateway, echo, shareOfEcho }];
  };
  return {
    setup,
    firstStartMs: median(rounds.map((r) => r.firstStartMs)),
    startMs: median(rounds.map((r) => r.startMs)),
    restMegabytes: median(rounds.map((r) => r.restBytes)) / MEGABYTE,
    usedMegabytes: median(rounds.map((r) => r.usedBytes)) / MEGABYTE,
    checkpoints: rounds.filter((r) => r.hadCheckpoint).length,
    operations: OPERATIONS.flatMap(summaryOf),
  };
}
