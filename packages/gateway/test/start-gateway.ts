import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunningGateway, type ServeOptions, serve } from "../src/serve.ts";

export interface TestGateway {
  readonly url: string;
  /** All scopes, tenant `default`. */
  readonly apiKey: string;
  readonly running: RunningGateway;
  /** Where its database lives; gone after `stop`. */
  readonly folder: string;
  stop(): Promise<void>;
}

const quietLogger = "silent";

/** Starts the real gateway on a free port and an empty folder, in simulation. */
export async function startGateway(
  env: Readonly<Record<string, string>> = {},
  overrides: ServeOptions = {},
): Promise<TestGateway> {
  const folder = mkdtempSync(join(tmpdir(), "gateway-"));
  const settings = { PORT: "0", LOG_LEVEL: quietLogger, DATABASE_URL: `sqlite:${join(folder, "gateway.db")}`, ...env };
  const running = await serve({ env: settings, cwd: folder }, overrides);
  return {
    url: running.url,
    apiKey: running.secrets.developmentKey ?? "",
    running,
    folder,
    stop: async () => {
      await running.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
