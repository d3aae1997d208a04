import { type Logger, pino } from "pino";
import { measureFsyncMs } from "./adapters/stores/sqlite/fsync.ts";
import { takeServeLock } from "./adapters/stores/sqlite/serve-lock.ts";
import type { Role } from "./cli/local.ts";
import { compose, type Gateway, type GatewayOptions, type RunningSecrets } from "./compose.ts";
import { type Config, ConfigError } from "./config.ts";
import { metricsServer } from "./http/metrics-server.ts";
import type { Clock } from "./ports/clock.ts";
import { type ProcessInput, readConfig, readSecrets, version } from "./settings.ts";

export interface RunningGateway {
  readonly gateway: Gateway;
  readonly url: string;
  readonly config: Config;
  readonly secrets: RunningSecrets;
  /** Time of one durable write on this disk; null where the database has a disk of its own. */
  readonly fsyncMs: number | null;
  readonly role: Role;
  readonly version: string;
  stop(): Promise<void>;
}

/** What `main.ts` says of this process, and what a test entry point may replace besides. */
export interface ServeOptions {
  readonly role?: Role;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly terminal?: GatewayOptions["terminal"];
  readonly isRateLimitingOn?: boolean;
  readonly maxSteps?: number;
}

const createLogger = (level: string): Logger =>
  pino({ level, base: null, redact: ["req", "res", "request", "response"] });

const urlOf = (host: string, port: number): string => `http://${host.includes(":") ? `[${host}]` : host}:${port}`;

/** One process serves a SQLite file, whatever its role. */
function lockFile({ store: { database }, http }: Config, role: Role): { release(): void } {
  if (database.engine === "postgres") return { release: () => undefined };
  if (role !== "all") {
    const problem = `is one SQLite file, which one process serves alone; --role ${role} needs postgres://`;
    throw new ConfigError([{ name: "DATABASE_URL", problem }]);
  }
  const lock = takeServeLock(database.path, `process ${process.pid}, PORT ${http.port}`);
  if (lock.kind === "held") return lock;
  const problem = `${database.path} is already served by ${lock.holder}; stop it or choose another file`;
  throw new ConfigError([{ name: "DATABASE_URL", problem }]);
}

/**
 * Starts a gateway that listens.
 *
 * @throws {ConfigError} also for a busy port, for a database that another process serves, and for one out of reach
 */
export async function serve(input: ProcessInput, options: ServeOptions = {}): Promise<RunningGateway> {
  const { role = "all", logger, ...replaced } = options;
  const config = readConfig(input);
  const secrets = readSecrets(config);
  const { host, port } = config.http;
  const lock = lockFile(config, role);
  const composing = compose({
    ...replaced,
    config,
    secrets,
    version,
    role,
    logger: logger ?? createLogger(config.log.level),
  });
  composing.catch(lock.release);
  const gateway = await composing;
  const metrics = config.metrics === undefined ? null : metricsServer(gateway.metrics);
  const stop = async (): Promise<void> => {
    await Promise.all([gateway.stop(), metrics?.close()]);
    lock.release();
  };
  try {
    await gateway.app.listen({ host, port });
    if (config.metrics !== undefined) await metrics?.listen({ ...config.metrics });
  } catch (error) {
    await stop();
    if (!(error instanceof Error && "code" in error && error.code === "EADDRINUSE")) throw error;
    throw new ConfigError([
      { name: "PORT", problem: `${"port" in error ? error.port : port} is in use; set another one` },
    ]);
  }
  gateway.start();
  const address = gateway.app.server.address();
  const bound = typeof address === "object" && address !== null ? address.port : port;
  const fsyncMs = config.store.database.engine === "sqlite" ? measureFsyncMs(config.store.dataFolder) : null;
  return { gateway, url: urlOf(host, bound), config, secrets, fsyncMs, role, version, stop };
}
