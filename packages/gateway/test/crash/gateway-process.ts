import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

const START_TIMEOUT_MS = 30_000;
const MAIN = new URL("../../src/main.ts", import.meta.url).pathname;

/** So far up that no limit stops the load. */
const NO_LIMITS = Object.fromEntries(
  [
    "SMS_RATE_LIMIT_PER_NUMBER",
    "SMS_RATE_LIMIT_PER_DAY",
    "SMS_RATE_LIMIT_PER_SUBJECT",
    "SMS_RATE_LIMIT_PER_CLIENT",
    "SMS_RATE_LIMIT_PER_BLOCK",
    "SMS_RATE_LIMIT_GLOBAL",
    "SMS_TRY_LIMIT_PER_NUMBER",
  ].map((name) => [name, "1000000"]),
);

/** What every gateway of these tests is started with. */
export const settingsFor = (databasePath: string): Readonly<Record<string, string>> => ({
  PORT: "0",
  OTP_COOLDOWN_SECONDS: "0",
  DATABASE_URL: `sqlite:${databasePath}`,
  ...NO_LIMITS,
});

export interface GatewayProcess {
  readonly url: string;
  /** All scopes, tenant `default`. */
  readonly apiKey: string;
  /** `kill -9`; resolves when the process is gone. */
  kill(): Promise<void>;
}

/** Reads what the process prints until the banner is whole, and lets the rest run off. */
function readBanner(child: ChildProcess): Promise<{ readonly url: string; readonly apiKey: string }> {
  return new Promise((resolve, reject) => {
    let said = "";
    const timer = setTimeout(() => reject(new Error(`no banner in time: ${said}`)), START_TIMEOUT_MS);
    child.once("exit", (code) => reject(new Error(`ended with ${code} before it listened: ${said}`)));
    const hear = (chunk: Buffer): void => {
      said += chunk.toString();
      const url = /http:\/\/localhost:\d+/.exec(said)?.[0];
      const apiKey = /sk_dev_[\w-]{43}/.exec(said)?.[0];
      if (url === undefined || apiKey === undefined) return;
      clearTimeout(timer);
      child.stdout?.off("data", hear);
      child.stdout?.resume();
      resolve({ url, apiKey });
    };
    child.stdout?.on("data", hear);
    child.stderr?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
  });
}

export interface StartOptions {
  readonly databasePath: string;
  readonly cwd: string;
  /** Runs the process under another program, such as `strace`. */
  readonly under?: readonly [command: string, ...args: string[]];
}

/** Starts `main.ts` as `npm start` does, in a process of its own. */
export async function startProcess({ databasePath, cwd, under }: StartOptions): Promise<GatewayProcess> {
  const [command, ...args] = [...(under ?? []), process.execPath, MAIN];
  const { PATH = "" } = process.env;
  const child = spawn(command ?? process.execPath, args, {
    cwd,
    env: { PATH, ...settingsFor(databasePath) },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, so that a tracer and the traced end together.
    detached: true,
  });
  const kill = async (): Promise<void> => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    process.kill(-child.pid, "SIGKILL");
    await gone;
  };
  try {
    return { ...(await readBanner(child)), kill };
  } catch (error) {
    await kill();
    throw error;
  }
}
