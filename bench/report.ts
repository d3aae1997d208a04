import { OPERATIONS, type Operation, type Round, type Settings, type Span, type Speed } from "./measure.ts";
import type { CostGroup } from "./profile.ts";

const MEGABYTE = 1_048_576;

/** What is aimed at on surface B; the open flow stands beside it without aim. */
const AIMS: Partial<Record<Operation, { readonly shareOfEcho: number; readonly p99Ms: number }>> = {
  send: { shareOfEcho: 0.2, p99Ms: 25 },
  check: { shareOfEcho: 0.5, p99Ms: 25 },
};

/** Where it was measured. */
export interface Machine {
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  /** Median of one durable write in the folder of the databases. */
  readonly fsyncMs: number;
  readonly isPinned: boolean;
}

export interface OperationSummary {
  readonly gateway: Speed;
  readonly echo: Speed;
  /** Median of each round's own quotient of requests per second. */
  readonly shareOfEcho: number;
}

/** Medians over the rounds. */
export interface Summary {
  readonly firstStartMs: number;
  readonly startMs: number;
  readonly restMegabytes: number;
  readonly usedMegabytes: number;
  readonly operations: Readonly<Record<Operation, OperationSummary>>;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

const medianSpeed = (speeds: readonly Speed[]): Speed => ({
  requestsPerSecond: median(speeds.map((s) => s.requestsPerSecond)),
  cpuMicrosecondsPerRequest: median(speeds.map((s) => s.cpuMicrosecondsPerRequest)),
  p50Ms: median(speeds.map((s) => s.p50Ms)),
  p99Ms: median(speeds.map((s) => s.p99Ms)),
});

export function summarize(rounds: readonly Round[]): Summary {
  const summaryOf = (operation: Operation): OperationSummary => {
    const pairs = rounds.map((round) => round.operations[operation]);
    return {
      gateway: medianSpeed(pairs.map((pair) => pair.gateway)),
      echo: medianSpeed(pairs.map((pair) => pair.echo)),
      shareOfEcho: median(pairs.map((p) => p.gateway.requestsPerSecond / p.echo.requestsPerSecond)),
    };
  };
  return {
    firstStartMs: median(rounds.map((r) => r.firstStartMs)),
    startMs: median(rounds.map((r) => r.startMs)),
    restMegabytes: median(rounds.map((r) => r.restBytes)) / MEGABYTE,
    usedMegabytes: median(rounds.map((r) => r.usedBytes)) / MEGABYTE,
    operations: Object.fromEntries(OPERATIONS.map((o) => [o, summaryOf(o)])) as Record<Operation, OperationSummary>,
  };
}

const count = (value: number): string => Math.round(value).toLocaleString("en-US");

/** Aligns columns: the first to the left, the others to the right. */
function toTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  "),
    )
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}

const LABELS: Readonly<Record<Operation, string>> = {
  send: "B  POST /v1/verifications",
  check: "B  POST /v1/verifications/:id/check",
  "open send": "A  send-verification-sms, open",
  "open verify": "A  verify-phone-otp, open",
};

function aimOf(operation: Operation, { shareOfEcho, gateway }: OperationSummary): string {
  const aim = AIMS[operation];
  if (aim === undefined) return "";
  const isMet = shareOfEcho >= aim.shareOfEcho && gateway.p99Ms < aim.p99Ms;
  return `${aim.shareOfEcho.toFixed(2)}, p99 < ${aim.p99Ms}: ${isMet ? "met" : "missed"}`;
}

const describePlaces = (isPinned: boolean): string =>
  isPinned
    ? "Servers on core 0, load generator on core 1 (taskset); starts are measured on all cores."
    : "Servers and load generator share all cores: there is no second core, or no taskset.";

export function toText(summary: Summary, settings: Settings, machine: Machine): string {
  const { rounds, connections, requests, warmUp } = settings;
  const rows = OPERATIONS.map((operation) => {
    const of = summary.operations[operation];
    return [
      LABELS[operation],
      count(of.gateway.requestsPerSecond),
      of.shareOfEcho.toFixed(2),
      count(of.gateway.cpuMicrosecondsPerRequest),
      of.gateway.p50Ms.toFixed(1),
      of.gateway.p99Ms.toFixed(1),
      count(of.echo.requestsPerSecond),
      count(of.echo.cpuMicrosecondsPerRequest),
      aimOf(operation, of),
    ];
  });
  const head = ["", "req/s", "of echo", "CPU µs", "p50 ms", "p99 ms", "echo req/s", "echo CPU µs", "aim"];
  return `
${machine.cpu}, ${machine.cores} cores, Node ${machine.node}; one durable write takes ${machine.fsyncMs.toFixed(2)} ms.
${describePlaces(machine.isPinned)}
Medians of ${rounds}; ${connections} connections; ${count(requests)} requests per operation and round, after ${count(warmUp)} verifications to warm up.
CPU per request is of the server alone, and that of a send includes its delivery and its receipt.

${toTable([head, ...rows])}
Start, spawn to the first 200 of /livez   ${count(summary.startMs)} ms (${count(summary.firstStartMs)} ms in an empty folder)
Memory (RSS) at rest                      ${count(summary.restMegabytes)} MB
Memory (RSS) after ${`${count(warmUp)} verifications`.padEnd(23)}${count(summary.usedMegabytes)} MB
`;
}

const GROUPS_SHOWN = 22;
const FUNCTIONS_SHOWN = 8;

/** Where the time of one operation went, the largest part first. */
export function toProfileText({ operation, requests }: Span, groups: readonly CostGroup[]): string {
  const total = groups.reduce((sum, group) => sum + group.microseconds, 0);
  const share = (microseconds: number): string => `${((100 * microseconds) / total).toFixed(1)} %`;
  const perRequest = (microseconds: number): string => (microseconds / requests).toFixed(1);
  const rows = groups.slice(0, GROUPS_SHOWN).flatMap((group) => [
    [group.name, perRequest(group.microseconds), share(group.microseconds)],
    ...group.functions
      .slice(0, FUNCTIONS_SHOWN)
      .filter((cost) => cost.microseconds / total >= 0.003)
      .map((cost) => [`   ${cost.name}`, perRequest(cost.microseconds), share(cost.microseconds)]),
  ]);
  return `\n${LABELS[operation]}: ${perRequest(total)} µs per request, profiler and waits for the disk (in commit) included\n${toTable([["", "µs", ""], ...rows])}`;
}
