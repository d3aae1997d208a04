import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Served } from "../../packages/gateway/test/serve-with-file-clock.ts";

const ENTRY_POINT = fileURLToPath(new URL("../../packages/gateway/test/serve-with-file-clock.ts", import.meta.url));
const START_MS = 30_000;
/** Most of a start is compiling; all of them share what the first one made. */
const COMPILED = fileURLToPath(new URL("../../node_modules/.cache/proofs", import.meta.url));

export interface ProcessOptions {
  readonly role: "all" | "api" | "worker";
  readonly env: Readonly<Record<string, string>>;
  /** Where it keeps its files. */
  readonly folder: string;
  readonly clockFile: string;
}

/** A gateway in a process of its own. */
export interface Process {
  readonly served: Served;
  /** SIGKILL, at once; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Lets it finish its work; resolves when the process is gone. */
  stop(): Promise<void>;
}

/** @throws with what it complained about when it does not start */
export async function startProcess({ role, env, folder, clockFile }: ProcessOptions): Promise<Process> {
  const child = spawn(process.execPath, [ENTRY_POINT, clockFile, role], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", NODE_COMPILE_CACHE: COMPILED, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let complaint = "";
  child.stderr.on("data", (chunk) => {
    complaint = `${complaint}${chunk}`.slice(-4_000);
  });
  const deadline = AbortSignal.timeout(START_MS);
  const lines = createInterface({ input: child.stdout });
  const exit = once(child, "exit");
  const ended = exit.then(() => {
    throw new Error(`the gateway did not start: ${complaint}`);
  });
  ended.catch(() => undefined);
  try {
    const [line] = (await Promise.race([once(lines, "line", { signal: deadline }), ended])) as [string];
    return {
      served: JSON.parse(line) as Served,
      kill: async () => {
        child.kill("SIGKILL");
        await exit;
      },
      stop: async () => {
        child.stdin.end();
        await exit;
      },
    };
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}
