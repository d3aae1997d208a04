import { POSTGRES_SETTINGS } from "./engines/servers.ts";
import { hasPostgres, hasRedis, nameOf } from "./engines/setups.ts";
import type { Operation, Settings } from "./measure.ts";
import type { OperationSummary, Summary } from "./summary.ts";
import { toCountText as count, toTable } from "./table.ts";

/** What is aimed at on surface B; the open flow stands beside it without aim. */
interface Aim {
  readonly shareOfEcho: number;
  readonly p99Ms?: number;
}
type Aims = Partial<Record<Operation, Aim>>;

/** With a core for each side. */
const SQLITE_AIMS: Aims = { send: { shareOfEcho: 0.2, p99Ms: 25 }, check: { shareOfEcho: 0.5, p99Ms: 25 } };
const REDIS_AIMS: Aims = { send: { shareOfEcho: 0.15 }, check: { shareOfEcho: 0.4 } };

/** Where it was measured. */
export interface Machine {
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  /** Median of one durable write in the folder of the databases. */
  readonly fsyncMs: number;
  readonly postgres: string | null;
}

export const LABELS: Readonly<Record<Operation, string>> = {
  send: "B  POST /v1/verifications",
  check: "B  POST /v1/verifications/:id/check",
  "open send": "A  send-verification-sms, open",
  "open verify": "A  verify-phone-otp, open",
};

/** Nothing is aimed at without grouping, nor on SQLite where all share the cores. */
function aimsOf({ setup: { engine, isGrouped } }: Summary, { isPinned }: Settings): Aims {
  if (!isGrouped) return {};
  if (hasRedis(engine)) return REDIS_AIMS;
  return engine === "sqlite" && isPinned ? SQLITE_AIMS : {};
}

function toAimText(aim: Aim | undefined, { shareOfEcho, gateway }: OperationSummary): string {
  if (aim === undefined) return "";
  const { p99Ms = Number.POSITIVE_INFINITY } = aim;
  const isMet = shareOfEcho >= aim.shareOfEcho && gateway.p99Ms < p99Ms;
  const p99 = aim.p99Ms === undefined ? "" : `, p99 < ${p99Ms}`;
  return `${aim.shareOfEcho.toFixed(2)}${p99}: ${isMet ? "met" : "missed"}`;
}

const HEAD = ["", "req/s", "of echo", "p50 ms", "p99 ms", "api", "postgres", "redis", "load"];
const ECHO_HEAD = ["echo/s", "echo", "load", "aim"];

function toRows(summary: Summary, settings: Settings): readonly (readonly string[])[] {
  const aims = aimsOf(summary, settings);
  const cpu = (time: number | undefined): string => (time === undefined ? "-" : count(time));
  return summary.operations.map((of) => {
    const { operation, gateway, echo } = of;
    const { api, postgres, redis, load } = gateway.cpuMicroseconds;
    return [
      `  ${LABELS[operation]}`,
      count(gateway.requestsPerSecond),
      of.shareOfEcho.toFixed(2),
      gateway.p50Ms.toFixed(1),
      gateway.p99Ms.toFixed(1),
      ...[api, postgres, redis, load].map(cpu),
      count(echo.requestsPerSecond),
      cpu(echo.cpuMicroseconds["echo"]),
      cpu(echo.cpuMicroseconds["load"]),
      toAimText(aims[operation], of),
    ];
  });
}

const describePlaces = ({ isPinned }: Settings): string =>
  isPinned
    ? "Servers on core 0, load generator on core 1 (taskset); starts are measured on all cores."
    : "Everything shares all cores, in every setup: API processes, PostgreSQL, Redis, the echo, the load generator.";

function describePostgres({ postgres }: Machine): string {
  if (postgres === null) return "";
  const settings = Object.entries(POSTGRES_SETTINGS).map(([name, value]) => `${name}=${value}`);
  return `PostgreSQL ${postgres}: fsync=on, synchronous_commit=on, ${settings.join(", ")}, autovacuum as it comes; Redis without persistence.
Processes of --role api; no worker runs. In simulation each send writes a row of the inbox too, and drops the oldest.
`;
}

export interface ReportOptions {
  readonly settings: Settings;
  readonly machine: Machine;
}

/** The report of a run for people. */
export function toText(summaries: readonly Summary[], { settings, machine }: ReportOptions): string {
  const { rounds, connections, requests, warmUp } = settings;
  const rows = summaries.flatMap((summary) => [[nameOf(summary.setup)], ...toRows(summary, settings)]);
  const starts = summaries.map((s) => [
    nameOf(s.setup),
    ...[s.startMs, s.firstStartMs, s.restMegabytes, s.usedMegabytes].map(count),
  ]);
  const late = summaries.filter(({ checkpoints }) => checkpoints > 0);
  const warnings = late.map((s) => `A checkpoint fell into ${s.checkpoints} rounds of ${nameOf(s.setup)}.\n`);
  return `
${machine.cpu}, ${machine.cores} cores, Node ${machine.node}; one durable write takes ${machine.fsyncMs.toFixed(2)} ms.
${describePlaces(settings)}
${summaries.some(({ setup }) => hasPostgres(setup.engine)) ? describePostgres(machine) : ""}\
Medians of ${rounds}; ${connections} connections; ${count(requests)} requests per operation and round, after ${count(warmUp)} verifications to warm up; ungrouped
(a commit for each step): a quarter of both. The columns of processes are CPU microseconds per request, over all processes of the
kind; those of a send include its delivery and its receipt, which come after its answer.

${toTable([[...HEAD, ...ECHO_HEAD], ...rows])}
${toTable([["Each process", "start ms", "first start ms", "MB at rest", `MB after ${count(warmUp)} verifications`], ...starts])}\
Start: spawn to the first 200 of /livez; the first one makes secrets and schema. Memory: RSS.
${warnings.join("")}`;
}
