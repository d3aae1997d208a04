const STEP = Math.log(1.05);
const SMALLEST_MS = 0.1;

/** Counts durations by size, in steps of five per cent: hours of them take no room. */
export interface Histogram {
  add(ms: number): void;
  count(): number;
  /** The duration below which a share of them lies, to five per cent. */
  percentile(share: number): number;
}

export function createHistogram(): Histogram {
  const counts: number[] = [];
  let total = 0;
  return {
    add: (ms) => {
      const bucket = Math.max(0, Math.ceil(Math.log(ms / SMALLEST_MS) / STEP));
      counts[bucket] = (counts[bucket] ?? 0) + 1;
      total += 1;
    },
    count: () => total,
    percentile: (share) => {
      let below = 0;
      for (const [bucket, count = 0] of counts.entries()) {
        below += count;
        if (below >= total * share) return SMALLEST_MS * Math.exp(bucket * STEP);
      }
      return Number.NaN;
    },
  };
}
