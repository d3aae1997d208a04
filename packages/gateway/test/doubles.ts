import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Channel } from "@mestore/sms-gateway-contract";
import { createSqliteStore } from "../src/adapters/stores/sqlite/sqlite-store.ts";
import { createSecrets } from "../src/adapters/system.ts";
import type { LimitPolicy } from "../src/domain/charges.ts";
import type { OutgoingMessage, SendResult } from "../src/domain/delivery.ts";
import type { Clock } from "../src/ports/clock.ts";
import type { ProofSigner } from "../src/ports/proof-signer.ts";
import type { GuardedProvider } from "../src/ports/provider.ts";
import type { Store } from "../src/ports/store.ts";
import { createAccounts } from "../src/services/accounts.ts";
import { createCodes } from "../src/services/codes.ts";
import { createContacts } from "../src/services/contacts.ts";
import { type Attempted, createDelivery } from "../src/services/delivery.ts";
import { createLimits } from "../src/services/limits.ts";
import { createNotifications } from "../src/services/notifications.ts";
import { createRecipients } from "../src/services/recipients.ts";
import { createRouter } from "../src/services/router.ts";
import { createSwitchboard } from "../src/services/switchboard.ts";
import { createVerifications } from "../src/services/verifications.ts";

/** Long enough for a chain of commits, each of which ends with a turn of the event loop. */
const TURNS = 12;

/** Lets everything go on that waits for no clock. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

export interface ManualClock extends Clock {
  /** Moves the time on, waking who sleeps in the order of their instants; resolves when what they did is done. */
  advance(ms: number): Promise<void>;
  /** How many sleep. */
  sleepers(): number;
}

/** A clock that stands still until a test moves it. */
export function manualClock(start: number): ManualClock {
  let now = start;
  const asleep = new Set<{ readonly until: number; readonly wake: () => void }>();
  const earliest = (limit: number) =>
    [...asleep].filter(({ until }) => until <= limit).sort((a, b) => a.until - b.until)[0];

  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) return resolve();
        const wake = (): void => {
          asleep.delete(sleeper);
          signal?.removeEventListener("abort", wake);
          resolve();
        };
        const sleeper = { until: now + ms, wake };
        asleep.add(sleeper);
        signal?.addEventListener("abort", wake);
      }),
    advance: async (ms) => {
      const end = now + ms;
      await settle();
      for (let next = earliest(end); next !== undefined; next = earliest(end)) {
        now = Math.max(now, next.until);
        next.wake();
        await settle();
      }
      now = end;
      await settle();
    },
    sleepers: () => asleep.size,
  };
}

export interface FakeProvider extends GuardedProvider {
  /** Every call, in order. */
  readonly calls: readonly OutgoingMessage[];
  explain?: NonNullable<GuardedProvider["explain"]>;
}

/** What one call comes to. */
export type FakeAnswer = (
  message: OutgoingMessage,
  call: number,
  signal: AbortSignal,
) => SendResult | Promise<SendResult>;

const accept: FakeAnswer = (_message, call) => ({ outcome: "accepted", providerMessageId: `p-${call}` });

/** A provider that answers as it is told and writes down every call; calls count from 1. */
export function fakeProvider(channel: Channel, answer: FakeAnswer = accept): FakeProvider {
  const calls: OutgoingMessage[] = [];
  return {
    id: `fake-${channel}`,
    channel,
    simulated: false,
    calls,
    send: async (message, signal) => answer(message, calls.push(message), signal),
    check: async () => ({ ok: true, detail: "fake" }),
    health: () => ({ breaker: "closed", lastSuccessAt: null, lastError: null }),
  };
}

/** An answer that comes when the test says so. */
export interface Held {
  readonly answer: FakeAnswer;
  release(result: SendResult): void;
}

export function heldAnswer(): Held {
  let release: (result: SendResult) => void = () => undefined;
  const result = new Promise<SendResult>((resolve) => {
    release = resolve;
  });
  return { answer: () => result, release: (given) => release(given) };
}

export interface TemporaryStore {
  readonly store: Store;
  close(): Promise<void>;
}

/** The embedded store on a file of its own; the file goes with `close`. */
export async function openTemporaryStore(): Promise<TemporaryStore> {
  const folder = mkdtempSync(join(tmpdir(), "gateway-store-"));
  const store = await createSqliteStore({ path: join(folder, "gateway.db") });
  return {
    store,
    close: async () => {
      await store.close().catch(() => undefined);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const FREE: LimitPolicy = {
  cooldownMs: 0,
  perNumber: 1_000,
  numberWindowMs: 3_600_000,
  perNumberPerDay: 1_000,
  triesPerNumber: 1_000,
  perSubject: 1_000,
  perClientOpen: 1_000,
  perClientBearer: 1_000,
  perBlock: 1_000,
  global: 1_000_000,
  perEmail: 1_000,
  perEmailPerDay: 1_000,
};

export interface PartsOptions {
  readonly now: number;
  readonly sms?: FakeAnswer;
  /** A second carrier of SMS, called `backup`; there is none without it. */
  readonly backup?: FakeAnswer;
  readonly email?: FakeAnswer;
  /** Raised so far that nothing is limited, where absent. */
  readonly limits?: Partial<LimitPolicy>;
  readonly isLimited?: boolean;
  readonly ignoresLoopback?: boolean;
}

/** The services as `compose.ts` ties them, over the embedded store, with fake carriers and a clock that a test moves. */
export async function openParts(options: PartsOptions) {
  const clock = manualClock(options.now);
  const { store, close } = await openTemporaryStore();
  const secrets = createSecrets({ otpSecret: "a-secret-for-tests-only-0123456789", otpSecretPrevious: undefined });
  const codes = createCodes(secrets);
  const sms = fakeProvider("sms", options.sms);
  const email = fakeProvider("email", options.email);
  const backup = { ...fakeProvider("sms", options.backup), id: "backup" };
  const providers = options.backup === undefined ? [sms, email] : [sms, backup, email];
  const router = createRouter({ providers, routes: {} });
  const errors: unknown[] = [];
  const attempts: Attempted[] = [];
  const onError = (error: unknown): void => {
    errors.push(error);
  };
  const switchboard = createSwitchboard({
    store,
    clock,
    enabled: { sms: true, whatsapp: true, voice: true, email: true },
  });
  const words = { brand: "MeStore", webotpHost: undefined };
  const delivery = createDelivery({
    store,
    clock,
    codes,
    switchboard,
    router,
    ...words,
    isWorker: true,
    receiptAddressOf: () => undefined,
    scriptAddressOf: () => undefined,
    onAttempt: (attempt) => attempts.push(attempt),
    onError,
  });
  const maxFailuresPerDay = 20;
  const policy = { ...FREE, ...options.limits };
  const limits = createLimits({
    store,
    clock,
    policy,
    isEnabled: options.isLimited ?? true,
    maxFailuresPerDay,
    ignoresLoopback: options.ignoresLoopback ?? false,
    limiter: null,
    onRefused: () => undefined,
    onError,
  });
  const readRecipient = createRecipients(["CO"]);
  const signer: ProofSigner = { sign: async (claims) => JSON.stringify(claims), keySet: { keys: [] } };
  const codePolicy = { codeLength: 6, codeLifeMs: 600_000, maxAttempts: 5, maxFailuresPerDay };
  const shared = { store, clock, secrets, limits, delivery, switchboard, readRecipient, router };
  const verifications = createVerifications({ ...shared, codes, signer, policy: codePolicy });
  const notifications = createNotifications({ ...shared, brand: words.brand });
  const contacts = createContacts(store, clock, ["CO"]);
  const hasCooldown = policy.cooldownMs > 0;
  const accounts = createAccounts({
    contacts,
    verifications,
    limits,
    clock,
    maxFailuresPerDay,
    hasCooldown,
    fallback: [],
  });
  return {
    ...{ store, clock, secrets, codes, sms, backup, email, errors, attempts, switchboard, delivery, limits },
    ...{ verifications, notifications, contacts, accounts, close },
  };
}

export type Parts = Awaited<ReturnType<typeof openParts>>;
