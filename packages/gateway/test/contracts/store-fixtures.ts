import type { SendResult } from "../../src/domain/delivery.ts";
import type { Charge, LimitWindow } from "../../src/domain/limits.ts";
import type { NewMessage, StoredMessage } from "../../src/domain/message.ts";
import type { Address, VerificationScope } from "../../src/domain/verification.ts";
import type { Store } from "../../src/ports/store.ts";
import type { CheckStep, Started, StartOutcome, StartStep } from "../../src/ports/verification-store.ts";

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const LIFE = 10 * MINUTE;
export const LEASE = 30 * SECOND;

/** A Monday at noon. */
export const NOW = Date.UTC(2026, 0, 5, 12);

export const SCOPE: VerificationScope = { tenant: "default", purpose: "verification", subject: "" };

let serial = 0;
/** Ids sort by the order in which they are made, as the real ones do. */
export const nextId = (prefix: "ver" | "msg" | "key" | "inb" | "whk" | "whd"): string =>
  `${prefix}_${String(++serial).padStart(26, "0")}`;

/** A number that no other test of the file has. */
export const newPhone = (): Address => ({ kind: "phone", value: `+57310${String(++serial).padStart(7, "0")}` });
export const newEmail = (): Address => ({ kind: "email", value: `user${++serial}@shop.example` });

export const times = <Value>(count: number, make: (index: number) => Value): readonly Value[] =>
  Array.from({ length: count }, (_, index) => make(index));

/** How often each word occurs. */
export const tally = (words: readonly string[]): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
};

const window = (limit: number, windowMs: number, more: Partial<LimitWindow> = {}): LimitWindow => ({
  limit,
  windowMs,
  counts: "sends",
  refusal: "rate_limited",
  ...more,
});

export const sendsPer = (limit: number, windowMs: number): LimitWindow => window(limit, windowMs);
export const triesPer = (limit: number, windowMs: number): LimitWindow => window(limit, windowMs, { counts: "tries" });
export const cooldown = (windowMs: number, channel: "sms" | "email" = "sms"): LimitWindow =>
  window(1, windowMs, { channel, refusal: "cooldown" });

export const chargeTo = (address: Address, ...windows: readonly LimitWindow[]): Charge => ({
  dimension: `otp.${address.kind}`,
  key: address.value,
  windows,
});

export function newMessage(over: Partial<NewMessage> & { readonly now?: number } = {}): NewMessage {
  const { now = NOW, ...fields } = over;
  return {
    id: nextId("msg"),
    tenant: SCOPE.tenant,
    lane: "notification",
    channel: "sms",
    to: "+573001234567",
    locale: "es",
    country: "CO",
    category: "transactional",
    template: null,
    text: "Su pedido va en camino",
    userName: null,
    segments: 1,
    provider: "simulation",
    deliverBefore: now + DAY,
    leaseUntil: now + LEASE,
    ...fields,
  };
}

/** A start in the open flow, to a number of its own, without limits. */
export function startStep(over: Partial<StartStep> = {}): StartStep {
  const { now = NOW, address = newPhone(), channel = "sms" } = over;
  return {
    ...SCOPE,
    address,
    channel,
    fresh: {
      id: nextId("ver"),
      salt: Uint8Array.from(times(16, (index) => index * 7)),
      kid: "kid1",
      codeLength: 6,
      maxAttempts: 5,
      locale: "es",
      expiresAt: now + LIFE,
    },
    message: newMessage({
      now,
      tenant: over.tenant ?? SCOPE.tenant,
      lane: "otp",
      channel,
      to: address.value,
      country: address.kind === "phone" ? "CO" : null,
      category: "otp",
      template: "otp",
      text: null,
      deliverBefore: now + LIFE,
    }),
    charges: [],
    fallback: [],
    maxFailuresPerDay: 20,
    now,
    ...over,
  };
}

/** What a start that must succeed came to. */
export function started(outcome: StartOutcome): Started {
  if (outcome.kind !== "started") throw new Error(`the start was ${JSON.stringify(outcome)}`);
  return outcome;
}

export const start = async (store: Store, over: Partial<StartStep> = {}): Promise<Started> =>
  started(await store.startVerification(startStep(over)));

export const checkStep = (over: Pick<CheckStep, "target"> & Partial<CheckStep>): CheckStep => ({
  matches: () => true,
  maxFailuresPerDay: 20,
  now: NOW,
  ...over,
});

/** Opens the store of one test. */
export type OpenStore = () => Promise<Store>;

interface Attempt {
  readonly id: string;
  /** The first one when absent. */
  readonly attempt?: number;
  readonly now?: number;
}

/** A message as its process knew it when that attempt began. */
export async function attemptOf(store: Store, { id, attempt = 1 }: Attempt): Promise<StoredMessage> {
  const message = await store.readMessage("default", id);
  if (message === null) throw new Error(`there is no message ${id}`);
  const tried = Array.from({ length: attempt }, () => message.provider);
  return { ...message, state: "sending", attempts: attempt, tried };
}

/** Ends an attempt of a message of the default tenant. */
export const endAttempt = async (store: Store, attempt: Attempt, result: SendResult): Promise<StoredMessage | null> =>
  conclude(store, await attemptOf(store, attempt), [result, attempt.now ?? NOW]);

/** Ends an attempt when nobody but its own provider can be called. */
export const conclude = (
  store: Store,
  message: StoredMessage,
  [result, now]: readonly [SendResult, number],
): Promise<StoredMessage | null> => store.settleAttempt(message, { result, usable: [message.provider], now });
