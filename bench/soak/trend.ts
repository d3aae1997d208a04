const HOUR_MS = 3_600_000;
const FEWEST_POINTS = 10;
/** Neighbouring samples are alike; means of blocks are less so, and it is their scatter that says how sure a slope is. */
const MOST_BLOCKS = 15;

export interface Point {
  readonly atMs: number;
  readonly value: number;
}

export interface Trend {
  readonly perHour: number;
  /** Standard error of the slope. */
  readonly errorPerHour: number;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function toBlocks(points: readonly Point[]): readonly Point[] {
  const blocks = Math.min(MOST_BLOCKS, points.length);
  return Array.from({ length: blocks }, (_, block) => {
    const from = Math.floor((block * points.length) / blocks);
    const members = points.slice(from, Math.floor(((block + 1) * points.length) / blocks));
    return { atMs: mean(members.map(({ atMs }) => atMs)), value: mean(members.map(({ value }) => value)) };
  });
}

/** Least squares over means of blocks; null when there are too few points to say anything. */
export function trendOf(points: readonly Point[]): Trend | null {
  if (points.length < FEWEST_POINTS) return null;
  const blocks = toBlocks(points);
  const [middleMs, middle] = [mean(blocks.map(({ atMs }) => atMs)), mean(blocks.map(({ value }) => value))];
  const spread = blocks.reduce((sum, { atMs }) => sum + (atMs - middleMs) ** 2, 0);
  const slope = blocks.reduce((sum, { atMs, value }) => sum + (atMs - middleMs) * (value - middle), 0) / spread;
  const rest = blocks.reduce((sum, { atMs, value }) => sum + (value - middle - slope * (atMs - middleMs)) ** 2, 0);
  const error = Math.sqrt(rest / (blocks.length - 2) / spread);
  return { perHour: slope * HOUR_MS, errorPerHour: error * HOUR_MS };
}

/** Tells values that go up and stay up: every one of the last third is above all of the first, by so much at least. */
export function isGrowing(values: readonly number[], least: number): boolean {
  const third = Math.floor(values.length / 3);
  if (third === 0) return false;
  return Math.min(...values.slice(-third)) - Math.max(...values.slice(0, third)) >= least;
}
