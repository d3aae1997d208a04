import { spawn } from "node:child_process";

const TIMEOUT_MS = 30_000;

export interface BashOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Runs a script that ends at its first failing command.
 *
 * @returns standard output
 * @throws with everything that was printed, when a command fails
 */
export const runBash = (script: string, { cwd, env }: BashOptions): Promise<string> =>
  new Promise((resolve, reject) => {
    const bash = spawn("bash", ["-euo", "pipefail", "-c", script], {
      cwd,
      env: { ...env },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: TIMEOUT_MS,
    });
    let printed = "";
    let complaints = "";
    bash.stdout.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
    });
    bash.stderr.setEncoding("utf8").on("data", (text: string) => {
      complaints += text;
    });
    bash.on("error", reject);
    bash.on("close", (code) => {
      if (code === 0) resolve(printed);
      else reject(new Error(`exit code ${code}\n${complaints}${printed}`));
    });
  });
