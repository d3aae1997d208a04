import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";
import { type RunningGateway, type ServeOptions, serve } from "../src/serve.ts";
import { freshDatabase, freshRedis } from "./servers/fresh.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** What the gateways of a run keep their state in. */
    readonly engine: "sqlite" | "postgres" | "postgres+redis";
  }
}

export interface TestGateway {
  readonly url: string;
  /** All scopes, tenant `default`. */
  readonly apiKey: string;
  readonly running: RunningGateway;
  /** Where its files live; gone after `stop`. */
  readonly folder: string;
  stop(): Promise<void>;
}

interface Home {
  readonly env: Readonly<Record<string, string>>;
  remove(): Promise<void>;
}

/** An empty place for one gateway: a file, or a database of its own on the servers of this run. */
async function makeHome(folder: string): Promise<Home> {
  const engine = inject("engine");
  if (engine === "sqlite") {
    return { env: { DATABASE_URL: `sqlite:${join(folder, "gateway.db")}` }, remove: async () => undefined };
  }
  const [database, redis] = await Promise.all([freshDatabase(), engine === "postgres" ? null : freshRedis()]);
  const limits = redis === null ? {} : { REDIS_URL: redis.url };
  return { env: { DATABASE_URL: database.url, ...limits }, remove: database.drop };
}

/** Starts the real gateway on a free port and an empty folder, in simulation, on the engine of this run. */
export async function startGateway(
  env: Readonly<Record<string, string>> = {},
  options: ServeOptions = {},
): Promise<TestGateway> {
  const folder = mkdtempSync(join(tmpdir(), "gateway-"));
  const home = await makeHome(folder);
  const settings = { PORT: "0", LOG_LEVEL: "silent", ...home.env, ...env };
  const running = await serve({ env: settings, cwd: folder }, options);
  return {
    url: running.url,
    apiKey: running.secrets.developmentKey ?? "",
    running,
    folder,
    stop: async () => {
      await running.stop();
      await home.remove();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
