import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../packages/gateway/src/main.ts", import.meta.url));
const START_MS = 30_000;
const MAX_COMPLAINT = 4_000;

export type Role = "api" | "worker";

export interface ProcessOptions {
  readonly role: Role;
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
}

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One `sms-gateway serve` in a process of its own. */
export interface GatewayProcess {
  readonly role: Role;
  readonly pid: number;
  readonly url: string;
  /** The development key; null for a worker, which prints none. */
  readonly apiKey: string | null;
  readonly ended: Promise<ProcessEnd>;
  isRunning(): boolean;
  signal(name: NodeJS.Signals): void;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** What it printed last, for a failure's message. */
  said(): string;
}

const URL_IN_BANNER = /http:\/\/(?:localhost|127\.0\.0\.1):(\d+)/;
const KEY_IN_BANNER = /sk_dev_[\w-]{43}/;

/** None of them outlives this process. */
const living = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of living) child.kill("SIGKILL");
});

/**
 * Starts the real `main.ts` and waits for its banner.
 *
 * @throws when it ends, or says nothing for too long
 */
export async function startGatewayProcess({ role, env, folder }: ProcessOptions): Promise<GatewayProcess> {
  const child = spawn(process.execPath, [MAIN, "serve", "--role", role], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "exit").then(([code, signal]): ProcessEnd => ({ code, signal }));
  living.add(child);
  ended.finally(() => living.delete(child)).catch(() => undefined);

  let said = "";
  const banner = Promise.withResolvers<{ readonly url: string; readonly apiKey: string | null }>();
  const hear = (chunk: Buffer): void => {
    said = `${said}${chunk}`.slice(-MAX_COMPLAINT);
    const port = URL_IN_BANNER.exec(said)?.[1];
    const apiKey = KEY_IN_BANNER.exec(said)?.[0] ?? null;
    if (port !== undefined && (role === "worker" || apiKey !== null)) {
      banner.resolve({ url: `http://127.0.0.1:${port}`, apiKey });
    }
  };
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  const patience = setTimeout(() => banner.reject(new Error(`no banner in time: ${said}`)), START_MS);
  ended
    .then(({ code, signal }) => banner.reject(new Error(`a ${role} ended (${code ?? signal}) before it ran: ${said}`)))
    .catch(() => undefined);
  try {
    const { url, apiKey } = await banner.promise;
    return {
      role,
      pid: child.pid ?? 0,
      url,
      apiKey,
      ended,
      isRunning: () => child.exitCode === null && child.signalCode === null,
      signal: (name) => void child.kill(name),
      kill: async () => {
        child.kill("SIGKILL");
        await ended;
      },
      said: () => said,
    };
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    clearTimeout(patience);
  }
}
