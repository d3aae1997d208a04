import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startWatchdog, type Watchdog } from "./watchdog.ts";

const START_TIMEOUT_MS = 10_000;
const POLL_MS = 10;

export interface RedisServerOptions {
  /** Keeps what it holds over a restart. */
  readonly appendOnly?: boolean;
  /** As redis.conf writes it: `2mb`. Full means refused: nothing is evicted. */
  readonly maxMemory?: string;
  /** More of the command line: `["--requirepass", "secret"]`. */
  readonly args?: readonly string[];
}

export interface RedisServer {
  /** `redis://127.0.0.1:<port>`. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Ends it for good and removes its folder. */
  stop(): Promise<void>;
  /** `kill -9`; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same port and folder, after `kill` or in place of what runs. */
  restart(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  return address.port;
}

/** Whether anything answers; an error (a password is needed, data is being loaded) is an answer too. */
const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    const end = (isThere: boolean): void => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once("data", () => end(true));
    socket.once("error", () => end(false));
    socket.once("close", () => resolve(false));
  });

async function waitUntilItAnswers(child: ChildProcess, port: number): Promise<void> {
  const giveUpAt = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < giveUpAt) {
    if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`);
    if (await answers(port)) return;
    await sleep(POLL_MS);
  }
  throw new Error("redis-server did not answer in time");
}

const toArguments = ({ appendOnly = false, maxMemory, args = [] }: RedisServerOptions): readonly string[] => [
  ...["--bind", "127.0.0.1", "--save", "", "--appendonly", appendOnly ? "yes" : "no"],
  ...(maxMemory === undefined ? [] : ["--maxmemory", maxMemory, "--maxmemory-policy", "noeviction"]),
  ...args,
];

/** Where a server works, and who ends it. */
interface Place {
  readonly port: number;
  readonly folder: string;
  readonly watchdog: Watchdog;
}

async function startProcess({ port, folder, watchdog }: Place, options: RedisServerOptions): Promise<ChildProcess> {
  const child = spawn("redis-server", ["--port", String(port), "--dir", folder, ...toArguments(options)], {
    stdio: "ignore",
  });
  await once(child, "spawn");
  watchdog.watch(child.pid);
  child.once("exit", () => watchdog.watch(undefined));
  try {
    await waitUntilItAnswers(child, port);
    return child;
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

/**
 * Starts a real `redis-server` on a free port of this machine and an empty folder. It ends with this process at the latest.
 *
 * @throws when there is no `redis-server` on the `PATH`
 */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "redis-"));
  const place = { port, folder, watchdog: startWatchdog(folder, "KILL") };
  let child = await startProcess(place, options).catch((error: unknown) => {
    place.watchdog.end();
    throw error;
  });
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return child.pid ?? 0;
    },
    kill: () => end(child),
    restart: async () => {
      await end(child);
      child = await startProcess(place, options);
    },
    stop: async () => {
      await end(child);
      rmSync(folder, { recursive: true, force: true });
      place.watchdog.end();
    },
  };
}
