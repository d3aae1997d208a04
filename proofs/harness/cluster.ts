import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Carrier, startCarrier } from "../../packages/gateway/test/carrier/carrier.ts";
import { type PostgresServer, startPostgres } from "../../packages/gateway/test/servers/postgres.ts";
import { type RedisServer, type RedisServerOptions, startRedis } from "../../packages/gateway/test/servers/redis.ts";
import type { Engine } from "../row.ts";
import { type GatewayProcess, type Role, startGatewayProcess } from "./cluster-process.ts";
import { createDatabaseClock, createSql, type DatabaseClock, type Sql } from "./cluster-sql.ts";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";

export interface ClusterOptions {
  readonly engine: Exclude<Engine, "sqlite">;
  readonly env?: Readonly<Record<string, string>>;
  /** Processes of each role; two and two unless told. */
  readonly apis?: number;
  readonly workers?: number;
  /** The processes reach their engines through the proxies. */
  readonly isProxied?: boolean;
  readonly redis?: RedisServerOptions;
  /** Settings of one process besides the others', by its place among those of its role. */
  readonly envOf?: (role: Role, place: number) => Readonly<Record<string, string>>;
}

/** A place for a process. Whatever runs in it is started again when it was killed, as a supervisor would. */
export interface Place {
  readonly role: Role;
  /** Null while nothing runs. */
  current(): GatewayProcess | null;
  /** SIGKILL, then another one in its place; resolves when that one listens. */
  crash(): Promise<void>;
  /** Starts a process in an empty place. */
  fill(): Promise<GatewayProcess>;
  /** SIGKILL without another one. */
  empty(): Promise<void>;
}

/** Engines, carrier and processes on loopback, each real. */
export interface Cluster {
  readonly carrier: Carrier;
  readonly postgres: PostgresServer;
  readonly redis: RedisServer | null;
  /** The processes reach their engines through these when the cluster is proxied. */
  readonly databaseProxy: FaultProxy;
  readonly redisProxy: FaultProxy | null;
  /** Past the proxy. */
  readonly sql: Sql;
  readonly clock: DatabaseClock;
  readonly apis: readonly Place[];
  readonly workers: readonly Place[];
  /** Of the API processes that run. */
  readonly urls: () => readonly string[];
  /** Header of surface B. */
  readonly key: () => Readonly<Record<string, string>>;
  readonly secretKey: string;
  /** The code of the newest SMS to a number, from the carrier's ledger; null when there is none. */
  readonly codeSentTo: (number: string) => string | null;
}

function through(url: string, port: number): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href;
}

function createPlace(role: Role, start: () => Promise<GatewayProcess>): Place {
  let running: GatewayProcess | null = null;
  const current = (): GatewayProcess | null => (running?.isRunning() === true ? running : null);
  const fill = async (): Promise<GatewayProcess> => {
    const started = await start();
    running = started;
    return started;
  };
  const empty = async (): Promise<void> => {
    const last = running;
    // Nobody may choose it again while it dies.
    running = null;
    await last?.kill();
  };
  return {
    role,
    current,
    fill,
    empty,
    crash: async () => {
      await empty();
      await fill();
    },
  };
}

/** Runs things from the last to the first, also after one of them failed. */
async function takeDown(steps: readonly (() => unknown)[]): Promise<void> {
  for (const step of [...steps].reverse()) {
    try {
      await step();
    } catch {
      // What is left runs all the same.
    }
  }
}

/** Starts everything, runs a proof on it, and takes everything down again, however the proof ends. */
export async function onCluster<T>(options: ClusterOptions, prove: (cluster: Cluster) => Promise<T>): Promise<T> {
  const { engine, env = {}, isProxied = false, envOf } = options;
  const down: (() => unknown)[] = [];
  const folder = mkdtempSync(join(tmpdir(), "gateway-cluster-"));
  down.push(() => rmSync(folder, { recursive: true, force: true }));
  try {
    const carrier = await startCarrier();
    down.push(carrier.close);
    const postgres = await startPostgres();
    down.push(postgres.stop);
    const redis = engine === "postgres+redis" ? await startRedis(options.redis) : null;
    if (redis !== null) down.push(redis.stop);
    const databaseProxy = await startFaultProxy(postgres.port);
    down.push(databaseProxy.close);
    const redisProxy = redis === null ? null : await startFaultProxy(redis.port);
    if (redisProxy !== null) down.push(redisProxy.close);
    const sql = createSql(postgres.url);
    const clock = await createDatabaseClock(sql);

    const secretKey = "a-secret-key-of-the-proofs-0123456789";
    const settings = {
      ENVIRONMENT: "test",
      PORT: "0",
      LOG_LEVEL: "error",
      DATABASE_URL: isProxied ? through(postgres.url, databaseProxy.port) : postgres.url,
      ...(redis === null || redisProxy === null
        ? {}
        : { REDIS_URL: isProxied ? through(redis.url, redisProxy.port) : redis.url }),
      TRUST_PROXY: "127.0.0.1/32",
      SECRET_KEY: secretKey,
      TWILIO_ACCOUNT_SID: carrier.account.accountSid,
      TWILIO_AUTH_TOKEN: carrier.account.authToken,
      TWILIO_FROM_NUMBER: carrier.account.from,
      TWILIO_API_BASE_URL: carrier.url,
      ...env,
    };
    let isOver = false;
    const places = (role: Role, count: number): readonly Place[] =>
      Array.from({ length: count }, (_, place) =>
        createPlace(role, async () => {
          const started = await startGatewayProcess({
            role,
            env: { ...settings, ...envOf?.(role, place) },
            folder,
          });
          if (isOver) await started.kill();
          return started;
        }),
      );
    const apis = places("api", options.apis ?? 2);
    const workers = places("worker", options.workers ?? 2);
    const all = [...apis, ...workers];
    down.push(async () => {
      isOver = true;
      await Promise.all(all.map((place) => place.empty()));
    });
    // The first one makes the schema and the secrets.
    const first = await apis[0]?.fill();
    await Promise.all(all.slice(1).map((place) => place.fill()));
    const key = { authorization: `Bearer ${first?.apiKey}` };

    return await prove({
      ...{ carrier, postgres, redis, databaseProxy, redisProxy, sql, clock, apis, workers, secretKey },
      urls: () => apis.flatMap((place) => place.current()?.url ?? []),
      key: () => key,
      codeSentTo: (number) => {
        const entry = carrier.ledger.findLast(({ to, sid }) => to === number && sid !== null);
        return /\d{4,10}/.exec(entry?.body ?? "")?.[0] ?? null;
      },
    });
  } finally {
    await takeDown(down);
  }
}
