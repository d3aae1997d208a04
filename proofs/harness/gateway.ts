import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { Agent } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { type Carrier, startCarrier } from "../../packages/gateway/test/carrier/carrier.ts";
import type { Served } from "../../packages/gateway/test/serve-with-file-clock.ts";
import { type Ask, bearer, createAsk } from "./http.ts";

const ENTRY_POINT = fileURLToPath(new URL("../../packages/gateway/test/serve-with-file-clock.ts", import.meta.url));
const START_MS = 20_000;
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

/** The database as it stands, read by a connection of our own. */
export interface Rows {
  all(sql: string, ...values: SQLInputValue[]): readonly Readonly<Record<string, unknown>>[];
  /** The first column of the only row, as a number. */
  count(sql: string, ...values: SQLInputValue[]): number;
}

/** A gateway in a process of its own, before a carrier that keeps a ledger. */
export interface Stage {
  readonly carrier: Carrier;
  readonly rows: Rows;
  readonly ask: Ask;
  readonly url: () => string;
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
  /** Holds the write lock of the database while `act` runs: every step that arrives meanwhile waits for one commit. */
  readonly whileLocked: <T>(act: () => Promise<T>) => Promise<T>;
  /** SIGKILL, then the same files again. */
  readonly crash: () => Promise<void>;
}

interface Process {
  readonly child: ChildProcess;
  readonly served: Served;
}

async function start(env: Readonly<Record<string, string>>, folder: string, clockFile: string): Promise<Process> {
  const child = spawn(process.execPath, [ENTRY_POINT, clockFile], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let complaint = "";
  child.stderr.on("data", (chunk) => {
    complaint = `${complaint}${chunk}`.slice(-4_000);
  });
  const deadline = AbortSignal.timeout(START_MS);
  const lines = createInterface({ input: child.stdout });
  const ended = once(child, "exit").then(() => {
    throw new Error(`the gateway did not start: ${complaint}`);
  });
  ended.catch(() => undefined);
  try {
    const [line] = (await Promise.race([once(lines, "line", { signal: deadline }), ended])) as [string];
    return { child, served: JSON.parse(line) as Served };
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}

async function end({ child }: Process, how: "kill" | "stop"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  if (how === "kill") child.kill("SIGKILL");
  else child.stdin?.end();
  await gone;
}

function createRows(database: DatabaseSync): Rows {
  return {
    all: (sql, ...values) => database.prepare(sql).all(...values),
    count: (sql, ...values) => Number(Object.values(database.prepare(sql).get(...values) ?? {})[0]),
  };
}

/**
 * Starts carrier and gateway, runs a proof on them, and takes everything down again.
 *
 * @param env settings of the gateway besides those of the stage
 */
export async function onStage<T>(
  env: Readonly<Record<string, string>>,
  prove: (stage: Stage) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "gateway-proof-"));
  const clockFile = join(folder, "clock");
  const databasePath = join(folder, "gateway.db");
  const secretKey = randomBytes(32).toString("base64url");
  const carrier = await startCarrier();
  const settings = {
    ENVIRONMENT: "test",
    PORT: "0",
    LOG_LEVEL: "error",
    DATABASE_URL: `sqlite:${databasePath}`,
    TRUST_PROXY: "127.0.0.1/32",
    SECRET_KEY: secretKey,
    TWILIO_ACCOUNT_SID: carrier.account.accountSid,
    TWILIO_AUTH_TOKEN: carrier.account.authToken,
    TWILIO_FROM_NUMBER: carrier.account.from,
    TWILIO_API_BASE_URL: carrier.url,
    ...env,
  };
  let now = EPOCH;
  const setClock = (at: number): void => {
    now = at;
    writeFileSync(`${clockFile}.next`, String(at));
    renameSync(`${clockFile}.next`, clockFile);
  };
  setClock(EPOCH);

  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS });
  let running: Process | null = null;
  let database: DatabaseSync | null = null;
  try {
    running = await start(settings, folder, clockFile);
    database = new DatabaseSync(databasePath, { readOnly: true });
    const current = (): Served => {
      if (running === null) throw new Error("the gateway is down");
      return running.served;
    };
    const url = () => current().url;
    return await prove({
      carrier,
      rows: createRows(database),
      ask: createAsk(url, agent),
      url,
      fsyncMs: () => current().fsyncMs ?? 0,
      now: () => now,
      advance: (ms) => setClock(now + ms),
      key: () => ({ authorization: `Bearer ${current().apiKey}` }),
      otherTenantKey: () => ({ authorization: `Bearer ${current().otherTenantKey}` }),
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
      whileLocked: async (act) => {
        const lock = new DatabaseSync(databasePath, { timeout: 1_000 });
        lock.exec("begin immediate");
        try {
          return await act();
        } finally {
          lock.exec("rollback");
          lock.close();
        }
      },
      crash: async () => {
        if (running !== null) await end(running, "kill");
        running = await start(settings, folder, clockFile);
      },
    });
  } finally {
    database?.close();
    agent.destroy();
    if (running !== null) await end(running, "stop");
    await carrier.close();
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
