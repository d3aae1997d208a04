import { SCOPES } from "@mestore/sms-gateway-contract";
import { ROLES, type Role } from "../src/cli/local.ts";
import { serve } from "../src/serve.ts";
import { createFileClock } from "./file-clock.ts";

/** What the process says, as one line of JSON, once it listens. */
export interface Served {
  readonly url: string;
  /** All scopes, tenant `default`. */
  readonly apiKey: string;
  /** All scopes, tenant `other`. */
  readonly otherTenantKey: string;
  readonly fsyncMs: number | null;
}

/** Serves like `main.ts`, with the time of a file, until its standard input ends. */
async function run(clockFile: string, role: Role): Promise<void> {
  const running = await serve({ env: process.env, cwd: process.cwd() }, { role, clock: createFileClock(clockFile) });
  const other = await running.gateway.keys.create({ name: "other", scopes: [...SCOPES], tenant: "other" });
  const served: Served = {
    url: running.url,
    apiKey: running.secrets.developmentKey ?? "",
    otherTenantKey: other.secret,
    fsyncMs: running.fsyncMs,
  };
  process.stdout.write(`${JSON.stringify(served)}\n`);
  process.stdin.on("end", () => {
    running.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
  process.stdin.resume();
}

const [clockFile, role = "all"] = process.argv.slice(2);
const known = ROLES.find((each) => each === role);
if (clockFile === undefined || known === undefined) {
  throw new Error("usage: serve-with-file-clock.ts <clock file> [all | api | worker]");
}
await run(clockFile, known);
