import { setTimeout as sleep } from "node:timers/promises";
import { cpuMicroseconds, residentBytes, type Server, startServer } from "./child.ts";
import { type Home, makeHome, readCodes, readDevelopmentKey, startGateway } from "./gateway.ts";
import { type LoadResult, runLoad } from "./load.ts";
import { pin, SERVER_CORE } from "./pin.ts";
import { checkTraffic, openSendTraffic, openVerifyTraffic, phonesFrom, sendTraffic, type Traffic } from "./traffic.ts";

const ECHO = new URL("./echo.ts", import.meta.url).pathname;
/** The echo is faster: it gets the same requests several times, so that both run for seconds. */
const ECHO_REPEATS = 3;
/** Deliveries and receipts of what was sent come in within this time. */
const SETTLE_MS = 1_500;
const REST_MS = 2_000;

export interface Settings {
  readonly rounds: number;
  readonly connections: number;
  /** Measured requests of each operation in a round. */
  readonly requests: number;
  /** Verifications before them, unmeasured: until then the engine still compiles what runs often. */
  readonly warmUp: number;
}

export const OPERATIONS = ["send", "check", "open send", "open verify"] as const;
export type Operation = (typeof OPERATIONS)[number];

export interface Speed {
  readonly requestsPerSecond: number;
  /** Of the server's process, all threads; what a send starts, delivery and receipt, included. */
  readonly cpuMicrosecondsPerRequest: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Pair {
  readonly gateway: Speed;
  /** Measured right before or after, in turn. */
  readonly echo: Speed;
}

export interface Round {
  /** Empty folder: secrets are made, the schema is written. */
  readonly firstStartMs: number;
  readonly startMs: number;
  readonly restBytes: number;
  /** After `warmUp` verifications, sent and checked. */
  readonly usedBytes: number;
  readonly operations: Readonly<Record<Operation, Pair>>;
}

export type Progress = (line: string) => void;

const percentile = (sorted: Float64Array, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

interface Run {
  readonly server: Server;
  readonly traffic: Traffic;
  readonly connections: number;
}

/** @throws when an answer is not the one expected: what fails fast would look fast */
async function drive({ server, traffic, connections }: Run): Promise<LoadResult> {
  const result = await runLoad({ port: server.port, connections, requests: traffic.requests });
  const wrong = result.answers.find((answer) => answer.status !== traffic.status);
  if (wrong !== undefined) throw new Error(`expected ${traffic.status}, got ${wrong.status}: ${wrong.body}`);
  return result;
}

async function measure(run: Run, settleMs: number): Promise<{ readonly speed: Speed; readonly result: LoadResult }> {
  const count = run.traffic.requests.length;
  const before = cpuMicroseconds(run.server.pid);
  const result = await drive(run);
  await sleep(settleMs);
  const cpu = cpuMicroseconds(run.server.pid) - before;
  const speed = {
    requestsPerSecond: count / result.seconds,
    cpuMicrosecondsPerRequest: cpu / count,
    p50Ms: percentile(result.latenciesMs, 0.5),
    p99Ms: percentile(result.latenciesMs, 0.99),
  };
  return { speed, result };
}

const toEcho = ({ requests }: Traffic): Traffic => ({
  status: 200,
  requests: Array.from({ length: ECHO_REPEATS }, () => requests).flat(),
});

/** Starts the server that does nothing but HTTP, JSON and the shape of the body, and warms it up. */
export async function startEcho({ warmUp, connections }: Settings): Promise<Server> {
  const echo = await startServer({ args: [ECHO], env: {}, cwd: process.cwd() });
  pin(echo.pid, SERVER_CORE);
  await drive({ server: echo, traffic: toEcho(sendTraffic(phonesFrom(0, warmUp), "none")), connections });
  return echo;
}

/** Where the operations of one gateway run. */
interface Stage {
  readonly gateway: Server;
  readonly home: Home;
  readonly settings: Settings;
  /** Drives the traffic of a measured operation. */
  readonly act: (operation: Operation, traffic: Traffic) => Promise<LoadResult>;
}

type WarmStage = Omit<Stage, "act">;

const warmDrive = ({ gateway, settings }: WarmStage, traffic: Traffic): Promise<LoadResult> =>
  drive({ server: gateway, traffic, connections: settings.connections });

async function warmUpKeyed(stage: WarmStage): Promise<void> {
  const { home, settings } = stage;
  const key = readDevelopmentKey(home);
  const phones = phonesFrom(0, settings.warmUp);
  const sent = await warmDrive(stage, sendTraffic(phones, key));
  await warmDrive(stage, checkTraffic(sent.answers, await readCodes(home, phones), key));
}

async function sendAndCheck({ home, settings, act }: Stage): Promise<void> {
  const key = readDevelopmentKey(home);
  const phones = phonesFrom(settings.warmUp, settings.requests);
  const sent = await act("send", sendTraffic(phones, key));
  await act("check", checkTraffic(sent.answers, await readCodes(home, phones), key));
}

/** Most of what the open flow runs is warm by then. */
async function sendAndVerifyOpenly(stage: Stage): Promise<void> {
  const { home, settings, act } = stage;
  const used = settings.warmUp + settings.requests;
  const early = phonesFrom(used, Math.ceil(settings.warmUp / 4));
  const late = phonesFrom(used + early.length, settings.requests);

  await warmDrive(stage, openSendTraffic(early));
  await warmDrive(stage, openVerifyTraffic(early, await readCodes(home, early)));
  await act("open send", openSendTraffic(late));
  await act("open verify", openVerifyTraffic(late, await readCodes(home, late)));
}

/** One round on a new database: start, memory, the four operations. */
export async function measureRound(
  number: number,
  echo: Server,
  { settings, progress }: { readonly settings: Settings; readonly progress: Progress },
): Promise<Round> {
  const { connections } = settings;
  const home = makeHome();
  try {
    const first = await startGateway(home);
    await first.stop();
    const gateway = await startGateway(home);
    try {
      await sleep(REST_MS);
      const restBytes = residentBytes(gateway.pid);
      pin(gateway.pid, SERVER_CORE);
      const pairs = new Map<Operation, Pair>();
      const act = async (operation: Operation, traffic: Traffic): Promise<LoadResult> => {
        const isSend = operation === "send" || operation === "open send";
        const measureEcho = () => measure({ server: echo, traffic: toEcho(traffic), connections }, 0);
        const before = number % 2 === 0 ? await measureEcho() : null;
        const own = await measure({ server: gateway, traffic, connections }, isSend ? SETTLE_MS : 0);
        const { speed } = before ?? (await measureEcho());
        pairs.set(operation, { gateway: own.speed, echo: speed });
        progress(
          `round ${number}: ${operation} ${Math.round(own.speed.requestsPerSecond)}/s, echo ${Math.round(speed.requestsPerSecond)}/s`,
        );
        return own.result;
      };
      const stage: Stage = { gateway, home, settings, act };
      await warmUpKeyed(stage);
      await sleep(REST_MS);
      const usedBytes = residentBytes(gateway.pid);
      await sendAndCheck(stage);
      await sendAndVerifyOpenly(stage);
      return {
        firstStartMs: first.startMs,
        startMs: gateway.startMs,
        restBytes,
        usedBytes,
        operations: Object.fromEntries(pairs) as Record<Operation, Pair>,
      };
    } finally {
      await gateway.stop();
    }
  } finally {
    home.remove();
  }
}

/** When an operation ran, on the machine's steady clock. */
export interface Span {
  readonly operation: Operation;
  readonly requests: number;
  readonly fromMicroseconds: number;
  readonly toMicroseconds: number;
}

const steadyMicroseconds = (): number => Number(process.hrtime.bigint() / 1_000n);

/**
 * Runs the operations of a gateway that profiles itself.
 *
 * @returns the spans, and the profile as the gateway wrote it at its end
 */
export async function recordProfile(
  settings: Settings,
  readProfile: (folder: string) => string,
): Promise<{ readonly spans: readonly Span[]; readonly profile: string }> {
  const home = makeHome();
  const spans: Span[] = [];
  try {
    const { folder } = home;
    const gateway = await startGateway(home, ["--cpu-prof", "--cpu-prof-interval=250", `--cpu-prof-dir=${folder}`]);
    try {
      pin(gateway.pid, SERVER_CORE);
      const act = async (operation: Operation, traffic: Traffic): Promise<LoadResult> => {
        const fromMicroseconds = steadyMicroseconds();
        const result = await drive({ server: gateway, traffic, connections: settings.connections });
        if (operation === "send" || operation === "open send") await sleep(SETTLE_MS);
        spans.push({
          operation,
          requests: traffic.requests.length,
          fromMicroseconds,
          toMicroseconds: steadyMicroseconds(),
        });
        return result;
      };
      const stage: Stage = { gateway, home, settings, act };
      await warmUpKeyed(stage);
      await sendAndCheck(stage);
      await sendAndVerifyOpenly(stage);
    } finally {
      await gateway.stop();
    }
    return { spans, profile: readProfile(folder) };
  } finally {
    home.remove();
  }
}
