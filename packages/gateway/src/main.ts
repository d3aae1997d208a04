import { banner } from "./banner.ts";
import { ConfigError } from "./config.ts";
import { serve } from "./serve.ts";

/** Serves until the process is told to stop. */
async function run(): Promise<void> {
  const terminal = (block: string): void => {
    process.stdout.write(`${block}\n`);
  };
  const running = await serve({ env: process.env, cwd: process.cwd() }, { terminal });
  process.stdout.write(banner(running));
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
}

run().catch((error: unknown) => {
  if (error instanceof ConfigError) {
    process.stderr.write(`${error.message}\n`);
    process.exit(78);
  }
  throw error;
});
