import { createInterface } from "node:readline/promises";
import { banner } from "./banner.ts";
import { runCommand } from "./cli/index.ts";
import type { Role, Terminal } from "./cli/local.ts";
import { ConfigError, OutOfReachError } from "./config.ts";
import { createLocal } from "./local.ts";
import { version } from "./settings.ts";

/** EX_CONFIG and EX_UNAVAILABLE of sysexits.h: a supervisor tries the second again. */
const CONFIG_ERROR = 78;
const UNAVAILABLE = 69;

const input = { env: process.env, cwd: process.cwd() };

/** Standard input is held open only while somebody is asked. */
function createTerminal(): Terminal {
  const { stdin, stdout, stderr } = process;
  for (const stream of [stdout, stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      // Whoever read along is gone (`| head -1`): a server goes on, a command ends by itself.
      if (error.code !== "EPIPE") throw error;
    });
  }
  let lines: AsyncIterator<string> | null = null;
  return {
    print: (text) => void stdout.write(`${text}\n`),
    complain: (text) => void stderr.write(`${text}\n`),
    ask: async (question) => {
      lines ??= createInterface({ input: stdin })[Symbol.asyncIterator]();
      stderr.write(question);
      stdin.ref?.();
      const line = await lines.next();
      stdin.unref?.();
      return line.done === true ? null : line.value;
    },
  };
}

const terminal = createTerminal();

/** Serves until the process is told to stop. */
async function serveUntilStopped(role: Role): Promise<void> {
  // Only this command needs the whole server.
  const { serve } = await import("./serve.ts");
  const running = await serve(input, { role, terminal: terminal.print });
  let isStopping = false;
  const stop = (): void => {
    if (isStopping) return;
    isStopping = true;
    running.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`could not stop cleanly: ${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  // Whoever reads it may tell the process to stop at once.
  process.stdout.write(banner(running));
}

const local = createLocal({ input, version, terminal, serve: serveUntilStopped });

runCommand(process.argv.slice(2), local).then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(error instanceof OutOfReachError ? UNAVAILABLE : CONFIG_ERROR);
  },
);
