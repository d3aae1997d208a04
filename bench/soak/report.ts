import { toCountText as count, toTable } from "../table.ts";
import type { Sample } from "./samples.ts";
import type { Tally } from "./tally.ts";
import type { Trend } from "./trend.ts";
import type { MemberVerdict, Verdict } from "./verdict.ts";

const LATEST_MINUTES = 10;

export interface SoakReport {
  readonly minutes: number;
  readonly engine: string;
  readonly capacityPerSecond: number | null;
  readonly ratePerSecond: number;
  readonly samples: readonly Sample[];
  readonly tally: Tally;
  readonly verdict: Verdict;
}

const slope = (trend: Trend | null, digits: number): string =>
  trend === null ? "too short" : `${trend.perHour.toFixed(digits)} ± ${trend.errorPerHour.toFixed(digits)}`;

const fromTo = (first: number, last: number): string => `${Math.round(first)} > ${Math.round(last)}`;

const MEMBER_HEAD = ["", "RSS MB", "MB/h", "heap MB", "MB/h", "fds", "per h", "handles", "per h", "lag p99 ms"];

const toMemberRow = ({ name, first, last, ...trends }: MemberVerdict): readonly string[] => [
  name,
  fromTo(first.rssMegabytes, last.rssMegabytes),
  slope(trends.rss, 1),
  fromTo(first.heapMegabytes, last.heapMegabytes),
  slope(trends.heap, 1),
  fromTo(first.descriptors, last.descriptors),
  slope(trends.descriptors, 1),
  fromTo(first.handles, last.handles),
  slope(trends.handles, 1),
  trends.worstLagMs.toFixed(0),
];

function toSizes(samples: readonly Sample[]): string {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined) return "";
  const lines = [
    ["Unsent messages", first.queue, last.queue],
    ["PostgreSQL connections", first.connections, last.connections],
    ["PostgreSQL database MB", first.databaseMegabytes, last.databaseMegabytes],
    ["Redis MB", first.redisMegabytes, last.redisMegabytes],
  ] as const;
  return lines
    .flatMap(([name, from, to]) => (from === null || to === null ? [] : [`${name.padEnd(24)}${fromTo(from, to)}\n`]))
    .join("");
}

const toErrors = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, value]) => `${name} ${count(value)}`)
    .join(", ");

/** What the soak came to, for people. */
export function toText({ minutes, engine, capacityPerSecond, ratePerSecond, ...found }: SoakReport): string {
  const { samples, tally, verdict } = found;
  const latest = tally.minutes.slice(-LATEST_MINUTES);
  const capacity = capacityPerSecond === null ? "as told" : `capacity ${count(capacityPerSecond)}/s`;
  const table = toTable([MEMBER_HEAD, ...verdict.members.map(toMemberRow)]);
  const byMinute = toTable([
    ["Latest minutes", ...latest.map((_, i) => String(tally.minutes.length - latest.length + i + 1))],
    ["requests", ...latest.map(({ requests: asked }) => count(asked))],
    ["p99 ms", ...latest.map(({ p99Ms }) => p99Ms.toFixed(1))],
    ["errors", ...latest.map(({ errors }) => count(errors))],
  ]);
  const byKind = toTable([
    ["Requests", "", "p50 ms", "p99 ms"],
    ...tally
      .kinds()
      .map(({ kind, requests, p50Ms, p99Ms }) => [`  ${kind}`, count(requests), p50Ms.toFixed(1), p99Ms.toFixed(1)]),
  ]);
  const examples = tally.examples.map((example) => `  ${example}\n`).join("");
  return `
${engine}, ${minutes} minutes at ${count(ratePerSecond)} requests a second (${capacity}); slopes over the second half, ± one standard error.

${table}
${byMinute}
${toSizes(samples)}
${byKind}
Requests: ${count(tally.requests())}; errors: ${toErrors(tally.errors()) || "none"}
${examples}
${verdict.problems.length === 0 ? "All is well." : verdict.problems.map((problem) => `NOT WELL: ${problem}.`).join("\n")}
`;
}
