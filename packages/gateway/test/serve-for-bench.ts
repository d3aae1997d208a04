import { ROLES } from "../src/cli/local.ts";
import { serve } from "../src/serve.ts";

/** Serves like `main.ts`, with at most so many steps in a commit: what the grouping of commits is measured against. */
async function run(role: string | undefined, maxSteps: number): Promise<void> {
  const known = ROLES.find((each) => each === role);
  if (known === undefined || !(maxSteps >= 1))
    throw new Error("usage: serve-for-bench.ts <all | api | worker> <steps in a commit>");
  const terminal = (block: string): void => void process.stdout.write(`${block}\n`);
  const running = await serve({ env: process.env, cwd: process.cwd() }, { role: known, maxSteps, terminal });
  process.once("SIGTERM", () => {
    running.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
}

const [role, maxSteps] = process.argv.slice(2);
await run(role, Number(maxSteps));
