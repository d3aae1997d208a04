import { type Logger, pino } from "pino";
import { measureFsyncMs } from "./adapters/stores/sqlite/fsync.ts";
import { takeServeLock } from "./adapters/stores/sqlite/serve-lock.ts";
import { createSystemClock } from "./adapters/system.ts";
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
  /** Time of one durable write on this disk. */
  readonly fsyncMs: number;
  readonly version: string;
  stop(): Promise<void>;
}

/** What a test entry point may replace; `main.ts` replaces nothing. */
export interface ServeOverrides {
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly terminal?: GatewayOptions["terminal"];
  readonly isRateLimitingOn?: boolean;
}

const createLogger = (level: string): Logger =>
  pino({ level, base: null, redact: ["req", "res", "request", "response"] });

const urlOf = (host: string, port: number): string => `http://${host.includes(":") ? `[${host}]` : host}:${port}`;

/**
 * Starts a gateway that listens.
 *
 * @throws {ConfigError} also for a busy port and for a database that another process serves
 */
export async function serve(input: ProcessInput, overrides: ServeOverrides = {}): Promise<RunningGateway> {
  const config = readConfig(input);
  const secrets = readSecrets(config);
  const { host, port } = config.http;
  const lock = takeServeLock(config.store.databasePath, `process ${process.pid}, PORT ${port}`);
  if (lock.kind === "taken") {
    const problem = `${config.store.databasePath} is already served by ${lock.holder}; stop it or choose another file`;
    throw new ConfigError([{ name: "DATABASE_URL", problem }]);
  }
  const gateway = await compose({
    config,
    secrets,
    version,
    clock: overrides.clock ?? createSystemClock(),
    logger: overrides.logger ?? createLogger(config.log.level),
    ...(overrides.terminal === undefined ? {} : { terminal: overrides.terminal }),
    ...(overrides.isRateLimitingOn === undefined ? {} : { isRateLimitingOn: overrides.isRateLimitingOn }),
  });
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
  const fsyncMs = measureFsyncMs(config.store.dataFolder);
  return { gateway, url: urlOf(host, bound), config, secrets, fsyncMs, version, stop };
}
