import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { get } from "node:http";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { onAllCores } from "./pin.ts";

const READY_WITHIN_MS = 30_000;
const POLL_MS = 2;

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
  /** Hears what it prints, on either output; without it the standard output goes nowhere and the errors are shown. */
  readonly onLine?: (line: string) => void;
}

/** A port on which nothing listens at this moment. */
export async function freePort(): Promise<number> {
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

/** Starts a server; its port comes to it in `PORT`. */
export async function startServer({ args, env, cwd, onLine }: ServerProgram): Promise<Server> {
  const port = await freePort();
  const startedAt = performance.now();
  const [command, ...rest] = onAllCores([process.execPath, ...args]);
  const child = spawn(command, rest, {
    cwd,
    env: { PATH: process.env["PATH"], ...env, PORT: String(port) },
    stdio: onLine === undefined ? ["ignore", "ignore", "inherit"] : ["ignore", "pipe", "pipe"],
  });
  for (const input of [child.stdout, child.stderr]) {
    if (input !== null && onLine !== undefined) createInterface({ input }).on("line", onLine);
  }
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
