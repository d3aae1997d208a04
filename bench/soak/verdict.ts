import type { MemberSample, Sample } from "./samples.ts";
import type { Tally } from "./tally.ts";
import { isGrowing, type Trend, trendOf } from "./trend.ts";

/** Less than the smallest object that could be kept for each request. */
const MOST_BYTES_PER_REQUEST = 16;
const MEGABYTE = 1_048_576;
const STANDARD_ERRORS = 3;
const MS_PER_HOUR = 3_600_000;
const FEWEST_SAMPLES = 10;
/** A pool that opens its last connection or two is no leak. */
const LEAST_GROWTH = 3;
/** As many as a worker claims at once. */
const LEAST_QUEUE = 50;

/** One process over the second half. */
export interface MemberVerdict {
  readonly name: string;
  readonly first: MemberSample;
  readonly last: MemberSample;
  readonly worstLagMs: number;
  /** Null when the soak was too short to say. */
  readonly rss: Trend | null;
  readonly heap: Trend | null;
  readonly descriptors: Trend | null;
  readonly handles: Trend | null;
}

export interface Verdict {
  readonly members: readonly MemberVerdict[];
  /** In sentences; none when all is well. */
  readonly problems: readonly string[];
}

function judgeMember(name: string, half: readonly Sample[]): MemberVerdict | null {
  const samples = half.flatMap(({ members }) => members[name] ?? []);
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined) return null;
  const trend = (read: (sample: MemberSample) => number): Trend | null =>
    trendOf(half.map(({ atMs }, i) => ({ atMs, value: read(samples[i] ?? last) })));
  return {
    name,
    first,
    last,
    worstLagMs: Math.max(...samples.map(({ lagP99Ms }) => lagP99Ms)),
    rss: trend((s) => s.rssMegabytes),
    heap: trend((s) => s.heapMegabytes),
    descriptors: trend((s) => s.descriptors),
    handles: trend((s) => s.handles),
  };
}

function problemsOf({ name, rss }: MemberVerdict, half: readonly Sample[], requestsPerHour: number): readonly string[] {
  const problems: string[] = [];
  const surely = rss === null ? 0 : (rss.perHour - STANDARD_ERRORS * rss.errorPerHour) * MEGABYTE;
  if (rss !== null && surely > MOST_BYTES_PER_REQUEST * requestsPerHour)
    problems.push(`the memory of ${name} grows by ${rss.perHour.toFixed(1)} MB/h`);
  for (const what of ["descriptors", "handles"] as const) {
    const values = half.flatMap(({ members }) => members[name]?.[what] ?? []);
    if (values.length >= FEWEST_SAMPLES && isGrowing(values, LEAST_GROWTH))
      problems.push(`the ${what} of ${name} grow`);
  }
  return problems;
}

/** Looks at the second half: until then caches fill and the engine compiles. */
export function judge(samples: readonly Sample[], tally: Tally): Verdict {
  const end = samples.at(-1)?.atMs ?? 0;
  const half = samples.filter(({ atMs }) => atMs >= end / 2);
  const members = Object.keys(samples[0]?.members ?? {}).flatMap((name) => judgeMember(name, half) ?? []);
  const errors = Object.entries(tally.errors()).map(([kind, count]) => `${count} unexpected: ${kind}`);
  const requestsPerHour = (tally.requests() / end) * MS_PER_HOUR;
  const queue = half.map((sample) => sample.queue);
  const behind =
    queue.length >= FEWEST_SAMPLES && isGrowing(queue, LEAST_QUEUE) ? ["the queue of unsent messages grows"] : [];
  return {
    members,
    problems: [...errors, ...members.flatMap((member) => problemsOf(member, half, requestsPerHour)), ...behind],
  };
}
