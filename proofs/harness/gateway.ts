import { randomBytes } from "node:crypto";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { Agent } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Carrier, startCarrier } from "../../packages/gateway/test/carrier/carrier.ts";
import { findFreePort } from "../../packages/gateway/test/servers/free-port.ts";
import type { RowOptions } from "../row.ts";
import { type Database, postgresDatabase, type Rows, sqliteDatabase } from "./database.ts";
import { type Ask, bearer, createAsk } from "./http.ts";
import { type Process, type ProcessOptions, startProcess } from "./process.ts";

const SOCKETS = 32;
/** Time begins here in every proof: a Monday. */
const EPOCH = Date.UTC(2026, 0, 5, 15);

/** Limits that never refuse, for rows that speak of something else. */
export const NO_LIMITS = {
  OTP_COOLDOWN_SECONDS: "0",
  SMS_RATE_LIMIT_PER_NUMBER: "1000000",
  SMS_RATE_LIMIT_PER_DAY: "1000000",
  SMS_RATE_LIMIT_PER_SUBJECT: "1000000",
  SMS_RATE_LIMIT_PER_CLIENT: "1000000",
  SMS_RATE_LIMIT_PER_CLIENT_BEARER: "1000000",
  SMS_RATE_LIMIT_PER_BLOCK: "1000000",
  SMS_RATE_LIMIT_GLOBAL: "1000000",
  SMS_TRY_LIMIT_PER_NUMBER: "1000000",
  EMAIL_RATE_LIMIT_PER_ADDRESS: "1000000",
} as const;

export interface StageOptions extends Pick<RowOptions, "engine" | "servers"> {
  /** Settings of the gateway besides those of the stage. */
  readonly env?: Readonly<Record<string, string>>;
  /** API processes on PostgreSQL; two unless told. A SQLite file has one process that does everything. */
  readonly apis?: number;
  /** Each process tells its metrics. */
  readonly hasMetrics?: boolean;
}

/** Gateways in processes of their own, before a carrier that keeps a ledger. */
export interface Stage {
  readonly carrier: Carrier;
  readonly rows: Rows;
  /** Asks the processes in turn. */
  readonly ask: Ask;
  /** Of the processes that answer requests and are up. */
  readonly urls: () => readonly string[];
  /** Of the one whose turn it is. */
  readonly url: () => string;
  /** Of one of them by its place, from 0; null while it is down. */
  readonly urlAt: (place: number) => string | null;
  /** Where each process that answers requests tells its metrics. */
  readonly metricsUrls: readonly string[];
  /** Null without Redis. */
  readonly redisUrl: string | null;
  readonly fsyncMs: () => number;
  /** The gateway's time. */
  readonly now: () => number;
  readonly advance: (ms: number) => void;
  /** Header of surface B. */
  readonly key: () => Readonly<Record<string, string>>;
  readonly otherTenantKey: () => Readonly<Record<string, string>>;
  /** Header of a user of the host application. */
  readonly user: (sub: string, claims?: Readonly<Record<string, unknown>>) => Readonly<Record<string, string>>;
  /** The code of the newest SMS to a number, from the carrier's ledger. */
  readonly codeSentTo: (number: string) => string;
  /** Keeps everybody from writing while `act` runs: what is to be counted meanwhile waits for that. */
  readonly whileLocked: Database["whileLocked"];
  /**
   * SIGKILL, at once, then another process on the same data.
   *
   * @param place which of the processes that answer requests; all of those unless told
   */
  readonly crash: (place?: number) => Promise<void>;
}

/** A place for a process; null while nothing runs there. */
interface Place {
  readonly options: ProcessOptions;
  running: Process | null;
}

const SQLITE_ROLES = ["all"] as const;
const serverRoles = (apis: number): readonly ProcessOptions["role"][] => [...Array(apis).fill("api"), "worker"];

/** Starts carrier and gateways, runs a proof on them, and takes everything down again. */
export async function onStage<T>(
  { engine, servers, env = {}, apis = 2, hasMetrics = false }: StageOptions,
  prove: (stage: Stage) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "gateway-proof-"));
  const clockFile = join(folder, "clock");
  const secretKey = randomBytes(32).toString("base64url");
  const carrier = await startCarrier();
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS });
  const places: Place[] = [];
  let isOver = false;
  const fill = async (place: Place): Promise<void> => {
    const started = await startProcess(place.options);
    if (isOver) await started.kill();
    else place.running = started;
  };
  const restart = async (place: Place): Promise<void> => {
    const { running } = place;
    place.running = null;
    await running?.kill();
    await fill(place);
  };
  let database: Database | null = null;
  let now = EPOCH;
  const setClock = (at: number): void => {
    now = at;
    writeFileSync(`${clockFile}.next`, String(at));
    renameSync(`${clockFile}.next`, clockFile);
  };
  setClock(EPOCH);

  try {
    database = engine === "sqlite" ? sqliteDatabase(folder) : await postgresDatabase(servers);
    const redisUrl = engine === "postgres+redis" ? (await servers.freshRedis()).url : null;
    const settings = {
      ENVIRONMENT: "test",
      PORT: "0",
      LOG_LEVEL: "error",
      DATABASE_URL: database.url,
      ...(redisUrl === null ? {} : { REDIS_URL: redisUrl }),
      TRUST_PROXY: "127.0.0.1/32",
      SECRET_KEY: secretKey,
      TWILIO_ACCOUNT_SID: carrier.account.accountSid,
      TWILIO_AUTH_TOKEN: carrier.account.authToken,
      TWILIO_FROM_NUMBER: carrier.account.from,
      TWILIO_API_BASE_URL: carrier.url,
      ...env,
    };
    const metricsUrls: string[] = [];
    for (const role of engine === "sqlite" ? SQLITE_ROLES : serverRoles(apis)) {
      const metricsPort = hasMetrics && role !== "worker" ? String(await findFreePort()) : null;
      if (metricsPort !== null) metricsUrls.push(`http://127.0.0.1:${metricsPort}/metrics`);
      const own = metricsPort === null ? {} : { METRICS_PORT: metricsPort };
      places.push({ options: { role, folder, clockFile, env: { ...settings, ...own } }, running: null });
    }
    await Promise.all(places.map(fill));

    const answering = places.filter(({ options }) => options.role !== "worker");
    const up = () => answering.flatMap(({ running }) => running?.served ?? []);
    const anyOf = () => {
      const [served] = up();
      if (served === undefined) throw new Error("no gateway is up");
      return served;
    };
    let turn = 0;
    const url = (): string => {
      const all = up();
      return (all[turn++ % all.length] ?? anyOf()).url;
    };
    return await prove({
      carrier,
      rows: database.rows,
      ask: createAsk(url, agent),
      urls: () => up().map((served) => served.url),
      url,
      urlAt: (place) => answering[place]?.running?.served.url ?? null,
      metricsUrls,
      redisUrl,
      fsyncMs: () => anyOf().fsyncMs ?? 0,
      now: () => now,
      advance: (ms) => setClock(now + ms),
      key: () => ({ authorization: `Bearer ${anyOf().apiKey}` }),
      otherTenantKey: () => ({ authorization: `Bearer ${anyOf().otherTenantKey}` }),
      user: (sub, claims = {}) => {
        const seconds = Math.floor(now / 1000);
        return bearer(secretKey, { sub, iat: seconds, exp: seconds + 600, ...claims });
      },
      codeSentTo: (number) => {
        const entry = carrier.ledger.findLast(({ to, sid }) => to === number && sid !== null);
        const code = /\d{4,10}/.exec(entry?.body ?? "")?.[0];
        if (code === undefined) throw new Error("no code was sent to this number");
        return code;
      },
      whileLocked: database.whileLocked,
      crash: async (place) => {
        const chosen = place === undefined ? answering : answering.slice(place, place + 1);
        await Promise.all(chosen.map(restart));
      },
    });
  } finally {
    isOver = true;
    agent.destroy();
    await Promise.all(places.map(({ running }) => running?.stop()));
    await carrier.close();
    await database?.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** Colombian mobiles, each of the first thousand in a block of its own. */
export const phoneAt = (index: number): string =>
  `+57310${String(index % 1000).padStart(3, "0")}${String(Math.floor(index / 1000)).padStart(4, "0")}`;

/** Another code of the same length. */
export const wrongCode = (code: string, offset: number): string =>
  String((Number(code) + offset) % 10 ** code.length).padStart(code.length, "0");

/** Runs over all items, some at a time. */
export async function inParallel<Item>(
  items: Iterable<Item>,
  width: number,
  act: (item: Item) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) await act(next.value);
  };
  await Promise.all(Array.from({ length: width }, worker));
}
