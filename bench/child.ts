import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { get } from "node:http";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { onAllCores } from "./pin.ts";

const READY_WITHIN_MS = 30_000;
const POLL_MS = 2;
const MICROSECONDS_PER_TICK = 10_000;
const PAGE_BYTES = 4_096;

/** A server in a process of its own, listening on 127.0.0.1. */
export interface Server {
  readonly pid: number;
  readonly port: number;
  /** From the spawn to the first 200 of `/livez`. */
  readonly startMs: number;
  /** SIGTERM, and the end of the process. */
  stop(): Promise<void>;
}

export interface ServerProgram {
  /** What follows `node`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port was given");
  return address.port;
}

const isLive = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const request = get({ host: "127.0.0.1", port, path: "/livez", agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    request.on("error", () => resolve(false));
  });

async function untilLive(child: ChildProcess, port: number): Promise<void> {
  const giveUpAt = performance.now() + READY_WITHIN_MS;
  while (!(await isLive(port))) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`the server ended: ${child.spawnargs.join(" ")}`);
    if (performance.now() > giveUpAt)
      throw new Error(`not live within ${READY_WITHIN_MS} ms: ${child.spawnargs.join(" ")}`);
    await sleep(POLL_MS);
  }
}

/** Starts a server; its port comes to it in `PORT`, its standard output goes nowhere, its errors are shown. */
export async function startServer({ args, env, cwd }: ServerProgram): Promise<Server> {
  const port = await freePort();
  const startedAt = performance.now();
  const [command, ...rest] = onAllCores([process.execPath, ...args]);
  const child = spawn(command, rest, {
    cwd,
    env: { PATH: process.env["PATH"], ...env, PORT: String(port) },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const exit = once(child, "exit");
  const killWithUs = (): void => void child.kill("SIGKILL");
  process.once("exit", killWithUs);
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await exit;
    process.off("exit", killWithUs);
  };
  try {
    await untilLive(child, port);
  } catch (error) {
    await stop();
    throw error;
  }
  const startMs = performance.now() - startedAt;
  if (child.pid === undefined) throw new Error("the server has no process id");
  return { pid: child.pid, port, startMs, stop };
}

/**
 * CPU time that all threads of a process have used, user and system.
 *
 * @returns microseconds, in steps of 10,000
 * @see man 5 proc_pid_stat (utime, stime; USER_HZ is 100 on Linux)
 */
export function cpuMicroseconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field, the name, may hold spaces; the third comes after its closing parenthesis.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * MICROSECONDS_PER_TICK;
}

/**
 * Memory of a process that is in RAM, libraries included.
 *
 * @see man 5 proc_pid_statm (second field, pages)
 */
export const residentBytes = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * PAGE_BYTES;
