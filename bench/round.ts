import { setTimeout as sleep } from "node:timers/promises";
import { readCpu } from "./engines/gateway.ts";
import { pin, SERVER_CORE } from "./engines/pin.ts";
import { residentBytes } from "./engines/proc.ts";
import type { Home, Servers } from "./engines/servers.ts";
import { nameOf, type Setup } from "./engines/setups.ts";
import type { LoadResult } from "./load/closed.ts";
import type { Traffic } from "./load/traffic.ts";
import {
  type Echo,
  isSend,
  measure,
  OPERATIONS,
  type Operation,
  type Progress,
  type Settings,
  type Speed,
} from "./measure.ts";
import { runOperations, startProcesses, stopProcesses, toStage, warmUpKeyed } from "./stage.ts";

const REST_MS = 2_000;

export interface Pair {
  readonly gateway: Speed;
  /** Measured right before or after, in turn. */
  readonly echo: Speed;
}

/** What one round found on one setup. */
export interface SetupRound {
  readonly setup: Setup;
  /** Empty folder, empty database: secrets are made, the schema is written. */
  readonly firstStartMs: number;
  readonly startMs: number;
  /** Of one process. */
  readonly restBytes: number;
  /** Of one process, after `warmUp` verifications, sent and checked. */
  readonly usedBytes: number;
  /** A checkpoint of PostgreSQL fell into the measured part. */
  readonly hadCheckpoint: boolean;
  readonly operations: Partial<Record<Operation, Pair>>;
}

export interface RoundOptions {
  readonly number: number;
  readonly servers: Servers;
  readonly echo: Echo;
  readonly settings: Settings;
  readonly progress: Progress;
}

/** Where the log stood at the last checkpoint; null with SQLite. */
async function readCheckpoint({ client }: Home): Promise<string | null> {
  if (client === null) return null;
  const { rows } = await client.query<{ at: string }>("select checkpoint_lsn::text as at from pg_control_checkpoint()");
  return rows[0]?.at ?? null;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

async function measureAt(home: Home, setup: Setup, options: RoundOptions): Promise<SetupRound> {
  const { number, echo, settings, progress } = options;
  const first = await startProcesses({ ...setup, processes: 1 }, { home });
  await stopProcesses(first);
  const processes = await startProcesses(setup, { home });
  try {
    await sleep(REST_MS);
    const readMemory = (): number => mean(processes.map(({ pid }) => residentBytes(pid)));
    const restBytes = readMemory();
    if (settings.isPinned) for (const { pid } of processes) pin(pid, SERVER_CORE);
    const stage = toStage(setup, settings, { home, processes });
    const target = { servers: processes, connections: settings.connections };
    const pairs = new Map<Operation, Pair>();
    const act = async (operation: Operation, traffic: Traffic): Promise<LoadResult> => {
      const before = number % 2 === 0 ? await echo.measure(traffic) : null;
      const run = { target, traffic, readCpu: () => readCpu(processes, home), isSend: isSend(operation) };
      const own = await measure(run);
      const beside = before ?? (await echo.measure(traffic));
      pairs.set(operation, { gateway: own.speed, echo: beside });
      const [ownRate, echoRate] = [own.speed, beside].map(({ requestsPerSecond }) => Math.round(requestsPerSecond));
      progress(`round ${number}, ${nameOf(setup)}: ${operation} ${ownRate}/s, echo ${echoRate}/s`);
      return own.result;
    };
    await warmUpKeyed(stage);
    await sleep(REST_MS);
    const usedBytes = readMemory();
    const checkpoint = await readCheckpoint(home);
    await runOperations(stage, act);
    return {
      setup,
      firstStartMs: mean(first.map(({ startMs }) => startMs)),
      startMs: mean(processes.map(({ startMs }) => startMs)),
      restBytes,
      usedBytes,
      hadCheckpoint: (await readCheckpoint(home)) !== checkpoint,
      operations: Object.fromEntries(OPERATIONS.flatMap((o) => (pairs.has(o) ? [[o, pairs.get(o)]] : []))),
    };
  } finally {
    await stopProcesses(processes);
  }
}

/** One setup on a new database: start, memory, the operations. */
export async function measureSetup(setup: Setup, options: RoundOptions): Promise<SetupRound> {
  const home = await options.servers.makeHome(setup.engine);
  try {
    return await measureAt(home, setup, options);
  } finally {
    await home.remove();
  }
}
