import { setTimeout as sleep } from "node:timers/promises";
import { type Server, startServer } from "./engines/child.ts";
import { type CpuTimes, cpuPerRequest } from "./engines/gateway.ts";
import { pin, SERVER_CORE } from "./engines/pin.ts";
import { cpuMicroseconds } from "./engines/proc.ts";
import { portsOf } from "./engines/setups.ts";
import { type LoadResult, percentile, runLoad } from "./load/closed.ts";
import { phonesFrom, sendTraffic, type Traffic } from "./load/traffic.ts";

const ECHO = new URL("./load/echo.ts", import.meta.url).pathname;
/** The echo is faster: it gets the same requests several times, so that both run for seconds. */
const ECHO_REPEATS = 3;
/** Receipts come in within this time, unless the processes are behind. */
const SETTLE_MS = 1_500;
const QUIET_LOOK_MS = 250;
const QUIET_CPU_MICROSECONDS = 20_000;
const QUIET_WITHIN_MS = 60_000;

export interface Settings {
  readonly rounds: number;
  readonly connections: number;
  /** Measured requests of each operation in a round. */
  readonly requests: number;
  /** Verifications before them, unmeasured: until then the engine still compiles what runs often. */
  readonly warmUp: number;
  /** Servers on one core and the load on the other; else all share all cores. */
  readonly isPinned: boolean;
}

export const OPERATIONS = ["send", "check", "open send", "open verify"] as const;
export type Operation = (typeof OPERATIONS)[number];

export const isSend = (operation: Operation): boolean => operation.endsWith("send");

export interface Speed {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** By kind of process; what a send starts, delivery and receipt, included. */
  readonly cpuMicroseconds: CpuTimes;
}

export type Progress = (line: string) => void;

/** What a load is driven against. */
export interface Target {
  readonly servers: readonly Server[];
  readonly connections: number;
}

/** @throws when an answer is not the one expected: what fails fast would look fast */
export async function drive({ servers, connections }: Target, traffic: Traffic): Promise<LoadResult> {
  const result = await runLoad({ ports: portsOf(servers), connections, requests: traffic.requests });
  const wrong = result.answers.find((answer) => answer.status !== traffic.status);
  if (wrong !== undefined) throw new Error(`expected ${traffic.status}, got ${wrong.status}: ${wrong.body}`);
  return result;
}

/** Waits until the processes have nothing more to do: all is delivered and its receipts are in. */
export async function settle(servers: readonly Server[]): Promise<void> {
  const used = (): number => servers.reduce((sum, { pid }) => sum + cpuMicroseconds(pid), 0);
  const giveUpAt = performance.now() + QUIET_WITHIN_MS;
  await sleep(SETTLE_MS);
  for (let before = used(); performance.now() < giveUpAt; ) {
    await sleep(QUIET_LOOK_MS);
    const now = used();
    if (now - before <= QUIET_CPU_MICROSECONDS) return;
    before = now;
  }
}

export interface Measured {
  readonly target: Target;
  readonly traffic: Traffic;
  readonly readCpu: () => CpuTimes;
  /** What the last answer leaves to be done counts too. */
  readonly isSend: boolean;
}

/** Drives a load and takes its measure. */
export async function measure(run: Measured): Promise<{ readonly speed: Speed; readonly result: LoadResult }> {
  const { target, traffic, readCpu } = run;
  const count = traffic.requests.length;
  const before = readCpu();
  const result = await drive(target, traffic);
  if (run.isSend) await settle(target.servers);
  const speed = {
    requestsPerSecond: count / result.seconds,
    p50Ms: percentile(result.latenciesMs, 0.5),
    p99Ms: percentile(result.latenciesMs, 0.99),
    cpuMicroseconds: cpuPerRequest(before, readCpu(), count),
  };
  return { speed, result };
}

const toEcho = ({ requests }: Traffic): Traffic => ({
  status: 200,
  requests: Array.from({ length: ECHO_REPEATS }, () => requests).flat(),
});

/** The server that does nothing but HTTP, JSON and the shape of the body. */
export interface Echo {
  /** Answers the requests of an operation. */
  measure(traffic: Traffic): Promise<Speed>;
  stop(): Promise<void>;
}

/** Starts the echo and warms it up. */
export async function startEcho({ warmUp, connections, isPinned }: Settings): Promise<Echo> {
  const server = await startServer({ args: [ECHO], env: {}, cwd: process.cwd() });
  if (isPinned) pin(server.pid, SERVER_CORE);
  const target = { servers: [server], connections };
  await drive(target, toEcho(sendTraffic(phonesFrom(0, warmUp), "none")));
  const readCpu = (): CpuTimes => {
    const { user, system } = process.cpuUsage();
    return { echo: cpuMicroseconds(server.pid), load: user + system };
  };
  return {
    measure: async (traffic) => (await measure({ target, traffic: toEcho(traffic), readCpu, isSend: false })).speed,
    stop: server.stop,
  };
}
