import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { PROVIDERS } from "./adapters/providers/index.ts";
import { keepSecrets } from "./adapters/secrets-file.ts";
import { measureFsyncMs } from "./adapters/stores/sqlite/fsync.ts";
import { takeServeLock } from "./adapters/stores/sqlite/serve-lock.ts";
import { createSystemClock } from "./adapters/system.ts";
import type {
  Account,
  DoctorSettings,
  Examination,
  Machine,
  SecretsFile,
  Sender,
  Tried,
} from "./cli/doctor/machine.ts";
import { type Config, ConfigError } from "./config.ts";
import type { Price } from "./domain/delivery.ts";
import { priceOf } from "./domain/price.ts";
import { openSmsVendors } from "./open-providers.ts";
import { openLimiter } from "./open-store.ts";
import type { Provider } from "./ports/provider.ts";
import { type ProcessInput, readConfig } from "./settings.ts";
import { reasonOf, withStore } from "./with-store.ts";

const SECRETS_FILE = "secrets.json";
const ACCOUNT_TIMEOUT_MS = 10_000;
const MINUTE_MS = 60_000;

/** What sends; of several vendors each number, since any of them may be asked. */
const toSender = ({ twilio, vonage, infobip, httpProvider }: Config): Sender | null => {
  const own = twilio?.sender ?? { from: [] };
  if ("messagingServiceSid" in own) return own;
  const others = [vonage?.from, infobip?.from, httpProvider?.from].filter((from) => from !== undefined);
  const from = [...own.from, ...others];
  return from.length === 0 ? null : { from };
};

/** By the provider that is asked first. */
function toSegmentPrice({ twilio, vonage, infobip, httpProvider, routes, policy, prices }: Config): Price | null {
  const [first] = Object.entries({ twilio, vonage, infobip, http: httpProvider }).flatMap(([id, settings]) =>
    settings === undefined ? [] : [id],
  );
  const provider = routes.sms.providers?.[0] ?? first;
  const country = policy.allowedCountries[0] ?? null;
  return provider === undefined ? null : priceOf(prices, { provider, channel: "sms", country, segments: 1 });
}

const toSettings = (config: Config): DoctorSettings => {
  const { environment, isProduction, warnings, secrets, store, policy, enabled, http } = config;
  const given = [
    { name: "OTP_SECRET", secret: secrets.otpSecret },
    { name: "SECRET_KEY", secret: secrets.secretKey },
  ];
  return {
    environment,
    isProduction,
    warnings,
    givenSecrets: given.flatMap(({ name, secret }) => (secret === undefined ? [] : [{ name, chars: secret.length }])),
    database: store.name,
    sender: toSender(config),
    allowedCountries: policy.allowedCountries,
    enabled,
    publicUrl: http.publicUrl,
    trustProxy: http.trustProxy,
    corsOrigins: http.corsOrigins,
    brand: policy.brand,
    webotpHost: policy.webotpHost,
    codeLength: policy.codeLength,
    codeLifeMinutes: policy.codeLifeMs / MINUTE_MS,
    segmentPrice: toSegmentPrice(config),
  };
};

/** Looks before anything reads the file, which would set its mode right. */
function lookAtSecretsFile({ secrets, store }: Config): SecretsFile {
  if (secrets.kind === "complete") return { kind: "unused" };
  const path = join(store.dataFolder, SECRETS_FILE);
  if (!existsSync(path)) return { kind: "absent", path };
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) !== 0) return { kind: "exposed", path, mode: mode.toString(8) };
  const kept = keepSecrets(store.dataFolder, secrets);
  return kept.kind === "kept" ? { kind: "private", path } : { kind: "broken", path, problem: kept.problem };
}

async function tryOpening(config: Config): Promise<Tried<null>> {
  try {
    await withStore(config, (store) => store.ping());
    return { kind: "done", value: null };
  } catch (error) {
    const problem = error instanceof ConfigError ? error.problems.map((p) => p.problem).join(", ") : reasonOf(error);
    return { kind: "failed", problem };
  }
}

function tryFsync({ store }: Config): Tried<number | null> {
  if (store.database.engine === "postgres") return { kind: "done", value: null };
  try {
    mkdirSync(store.dataFolder, { recursive: true, mode: 0o700 });
    return { kind: "done", value: measureFsyncMs(store.dataFolder) };
  } catch (error) {
    return { kind: "failed", problem: reasonOf(error) };
  }
}

async function tryLimiter(config: Config): Promise<Tried<null> | null> {
  const limiter = await openLimiter(config);
  if (limiter === null) return null;
  try {
    await limiter.ping();
    return { kind: "done", value: null };
  } catch (error) {
    return { kind: "failed", problem: reasonOf(error instanceof Error ? (error.cause ?? error) : error) };
  } finally {
    await limiter.close();
  }
}

/** Any number of processes serve a database server; a file has one. */
function findServer({ store: { database } }: Config): string | null {
  if (database.engine === "postgres" || !existsSync(database.path)) return null;
  const lock = takeServeLock(database.path, `process ${process.pid}, sms-gateway doctor`);
  if (lock.kind === "taken") return lock.holder;
  lock.release();
  return null;
}

async function askAccount(provider: Provider): Promise<NonNullable<Account>> {
  try {
    return await provider.check(AbortSignal.timeout(ACCOUNT_TIMEOUT_MS));
  } finally {
    await provider.close?.();
  }
}

/** When the newest of the database's two files was written, epoch milliseconds. */
function lastWriteAt({ store: { database } }: Config): number | null {
  if (database.engine === "postgres") return null;
  const times = [database.path, `${database.path}-wal`]
    .filter((path) => existsSync(path))
    .map((path) => statSync(path).mtimeMs);
  return times.length === 0 ? null : Math.max(...times);
}

const toMachine = (config: Config): Machine => {
  const clock = createSystemClock();
  return {
    settings: toSettings(config),
    secretsFile: () => lookAtSecretsFile(config),
    openStore: () => tryOpening(config),
    measureFsyncMs: () => tryFsync(config),
    askLimiter: () => tryLimiter(config),
    servedBy: () => findServer(config),
    account: async (channel) => {
      if (channel === "sms") {
        const answers = await Promise.all(
          openSmsVendors(config, clock).map(async (vendor) => askAccount(await vendor)),
        );
        if (answers.length === 0) return null;
        return { ok: answers.every(({ ok }) => ok), detail: answers.map(({ detail }) => detail).join("; ") };
      }
      return config.smtp === undefined ? null : askAccount(await PROVIDERS.smtp(config.smtp));
    },
    now: clock.now,
    lastWriteAt: () => lastWriteAt(config),
  };
};

/** What `doctor` looks at: this machine, or what keeps its configuration from being read. */
export function examine(input: ProcessInput): Examination {
  try {
    return { kind: "readable", machine: toMachine(readConfig(input)) };
  } catch (error) {
    if (error instanceof ConfigError) return { kind: "misconfigured", problems: error.problems };
    throw error;
  }
}
