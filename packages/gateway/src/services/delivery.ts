import type { Channel, Lane } from "@mestore/sms-gateway-contract";
import { CALLS_AT_ONCE, isFinal, type OutgoingMessage, type Receipt, type SendResult } from "../domain/delivery.ts";
import type { StoredMessage } from "../domain/message.ts";
import { renderOtp, renderOtpEmail } from "../domain/templates.ts";
import type { Verification } from "../domain/verification.ts";
import type { Clock } from "../ports/clock.ts";
import type { MessageStore } from "../ports/message-store.ts";
import type { GuardedProvider } from "../ports/provider.ts";
import type { VerificationStore } from "../ports/verification-store.ts";
import type { Codes } from "./codes.ts";
import type { Router } from "./router.ts";
import type { Switchboard } from "./switchboard.ts";

export const LEASE_MS = 30_000;
/** What a provider's own timeout takes at most. */
const CALL_MS = 10_000;
/** With so many requests waiting, the next ones are told "on its way" at once. */
const MAX_WAITERS = 1_000;
const ELSEWHERE_EVERY_MS = 250;
const MINUTE_MS = 60_000;
/** One name for whatever a vendor invents: a metric keeps a closed set of labels. */
const UNLISTED_CODE = "unlisted";
/** Ours (`breaker_open`), or the status of an HTTP answer without a code. */
const OWN_CODE = /^([a-z_]+|\d{3})$/;

/** One call of a provider. */
export interface Attempted {
  readonly provider: string;
  readonly channel: Channel;
  readonly outcome: SendResult["outcome"];
  /** The vendor's code; `unlisted` where this version does not know it, null where it gave none. */
  readonly vendorCode: string | null;
}

export interface DeliveryOptions {
  readonly store: MessageStore & VerificationStore;
  readonly clock: Clock;
  readonly codes: Codes;
  readonly switchboard: Switchboard;
  readonly router: Router;
  readonly brand: string;
  readonly webotpHost: string | undefined;
  /** False leaves what is due to other processes: this one sends only what it accepted. */
  readonly isWorker: boolean;
  /** Where the receipts of an attempt go. */
  readonly receiptAddressOf: (message: StoredMessage) => string | undefined;
  /** Where a call reads what to say. */
  readonly scriptAddressOf: (message: StoredMessage) => string | undefined;
  /** Hears of every call of a provider and what it came to. */
  readonly onAttempt: (attempt: Attempted) => void;
  /** Hears of an attempt that could not be recorded; its message is due again when the lease ends. */
  readonly onError: (error: unknown) => void;
}

export interface Delivery {
  /** Sends a message whose attempt this process began; returns before the provider answers. */
  deliver(message: StoredMessage, verification: Verification | null): void;
  /** Takes what is due: leftovers of other processes, retries, notifications. */
  work(): Promise<void>;
  /** Does the same at once, without anybody waiting for it. */
  wake(): void;
  /** Waits for the end of a message whose first attempt is this process's; null when the time is up first. */
  outcomeOf(messageId: string, waitMs: number): Promise<StoredMessage | null>;
  /** Moves a message by a receipt and tells who listens; null when it did not move. */
  receive(messageId: string, receipt: Receipt): Promise<StoredMessage | null>;
  /** Tells the listeners of a message that this process moved. */
  announce(message: StoredMessage): void;
  /** Hears of every change of state that this process makes. */
  onChange(listener: (message: StoredMessage) => void): void;
  /** Ends: nothing new is claimed, what runs is finished or its lease runs out. */
  drain(graceMs: number): Promise<void>;
}

/** A request that wants to know what becomes of its message. */
interface Waiter {
  readonly resolve: (message: StoredMessage) => void;
  /** Ends when nobody waits any more. */
  readonly signal: AbortSignal;
}

const isSettled = ({ state }: StoredMessage): boolean => state === "sent" || isFinal(state);

function toAttempted(provider: GuardedProvider, result: SendResult): Attempted {
  const { id, channel } = provider;
  const code = "vendorCode" in result ? (result.vendorCode ?? null) : null;
  const isListed = code === null || OWN_CODE.test(code) || provider.explain?.(code) !== null;
  const vendorCode = isListed ? code : UNLISTED_CODE;
  return { provider: id, channel, outcome: result.outcome, vendorCode };
}

export function createDelivery(options: DeliveryOptions): Delivery {
  const { store, clock, codes, switchboard, router, brand, webotpHost } = options;
  const stop = new AbortController();
  const running = new Set<Promise<void>>();
  const waiters = new Map<string, Waiter>();
  const listeners: ((message: StoredMessage) => void)[] = [];
  let isDraining = false;
  /** Calls under way, and places that a claim under way may fill. */
  const calling: Record<Lane, number> = { otp: 0, notification: 0 };
  /** The last claim of a lane came back full. */
  const hasMore: Record<Lane, boolean> = { otp: false, notification: false };

  /** The next attempt may be another process's: looks every moment whether it was made. */
  const watchElsewhere = async ({ id, tenant }: StoredMessage, { resolve, signal }: Waiter): Promise<void> => {
    while (!signal.aborted) {
      await clock.sleep(ELSEWHERE_EVERY_MS, signal);
      const message = signal.aborted ? null : await store.readMessage(tenant, id);
      if (message !== null && isSettled(message)) return resolve(message);
    }
  };

  const announce = (message: StoredMessage): void => {
    for (const listener of listeners) listener(message);
    const waiter = waiters.get(message.id);
    if (waiter === undefined) return;
    if (isSettled(message)) waiter.resolve(message);
    else if (message.state === "queued") watchElsewhere(message, waiter).catch(options.onError);
  };

  /** A call takes its time: begun later, it could arrive when nobody wants it, or when the lease has ended. */
  const callBefore = ({ updatedAt, deliverBefore }: StoredMessage): number =>
    Math.min(deliverBefore, updatedAt + LEASE_MS) - CALL_MS;

  const envelopeOf = (message: StoredMessage): Omit<OutgoingMessage, "text"> => {
    const receiptUrl = options.receiptAddressOf(message);
    const scriptUrl = message.channel === "voice" ? options.scriptAddressOf(message) : undefined;
    return {
      id: message.id,
      lane: message.lane,
      channel: message.channel,
      to: message.to,
      country: message.country,
      deliverBefore: message.deliverBefore,
      callBefore: callBefore(message),
      ...(receiptUrl === undefined ? {} : { receiptUrl }),
      ...(scriptUrl === undefined ? {} : { scriptUrl }),
      ...(message.userName === null ? {} : { userName: message.userName }),
    };
  };

  const toOtp = (message: StoredMessage, verification: Verification): OutgoingMessage | null => {
    const code = codes.codeOf(verification);
    if (code === null) return null;
    const minutes = Math.max(1, Math.ceil((verification.expiresAt - clock.now()) / MINUTE_MS));
    const words = { brand, code, minutes, locale: message.locale };
    const parts =
      message.channel === "email"
        ? renderOtpEmail(words)
        : { text: renderOtp({ ...words, ...(webotpHost === undefined ? {} : { webotpHost }) }) };
    return { ...envelopeOf(message), ...parts, code };
  };

  const toNotification = (message: StoredMessage): OutgoingMessage => ({
    ...envelopeOf(message),
    text: message.text ?? "",
    ...(message.channel === "email" ? { subject: brand } : {}),
  });

  const compose = async (message: StoredMessage, known: Verification | null): Promise<OutgoingMessage | null> => {
    if (message.verificationId === null) return toNotification(message);
    const verification = known ?? (await store.readVerification(message.tenant, message.verificationId));
    return verification === null ? null : toOtp(message, verification);
  };

  const send = async (message: StoredMessage, known: Verification | null): Promise<SendResult> => {
    const outgoing = await compose(message, known);
    // A process that knows the secret may still send it.
    if (outgoing === null) return { outcome: "unavailable", vendorCode: "no_code" };
    // Who was chosen may be gone: the configuration of this process is newer.
    const provider = router.find(message.channel, message.provider);
    if (provider === null) return { outcome: "unavailable", vendorCode: "no_provider" };
    const result = await provider.send(outgoing, stop.signal);
    options.onAttempt(toAttempted(provider, result));
    return result;
  };

  /** Takes the next attempt of a message that failed over to another provider; null when it waits, or is somebody else's. */
  const failOver = async (settled: StoredMessage, from: string): Promise<StoredMessage | null> => {
    if (settled.state !== "queued" || settled.provider === from) return null;
    if (isDraining || !switchboard.isOpen(settled)) return null;
    return store.claimMessage(settled.id, { leaseMs: LEASE_MS, now: clock.now() });
  };

  const attempt = async (message: StoredMessage, known: Verification | null): Promise<void> => {
    const result = await send(message, known);
    const usable = router.usable(message);
    const settled = await store.settleAttempt(message, { result, usable, now: clock.now() });
    if (settled === null) return;
    const next = await failOver(settled, message.provider);
    announce(next ?? settled);
    if (next?.state === "sending") await attempt(next, known);
  };

  const track = (work: Promise<void>): void => {
    running.add(work);
    work.finally(() => running.delete(work)).catch(options.onError);
  };

  const roomIn = (lane: Lane): number => CALLS_AT_ONCE[lane] - calling[lane];

  /** Takes the place of a call; when half of a lane's places are free again and more is due, they are filled at once. */
  const occupy = (lane: Lane, call: Promise<void>): Promise<void> => {
    calling[lane] += 1;
    return call.finally(() => {
      calling[lane] -= 1;
      if (hasMore[lane] && roomIn(lane) * 2 >= CALLS_AT_ONCE[lane]) claim().catch(options.onError);
    });
  };

  /** Claims what can be called at once: what waits in a process that dies is lost for longer than what waits in the store. */
  const claim = async (): Promise<void> => {
    if (isDraining || !options.isWorker) return;
    const lanes = switchboard
      .openLanes()
      .map((open) => ({ ...open, limit: roomIn(open.lane) }))
      .filter(({ limit }) => limit > 0);
    if (lanes.length === 0) return;
    for (const { lane, limit } of lanes) calling[lane] += limit;
    try {
      const { begun, ended } = await store.claimMessages({ lanes, leaseMs: LEASE_MS, now: clock.now() });
      for (const message of ended) announce(message);
      for (const message of begun) track(occupy(message.lane, attempt(message, null)));
      for (const { lane, limit } of lanes) {
        hasMore[lane] = begun.filter((message) => message.lane === lane).length === limit;
      }
    } finally {
      for (const { lane, limit } of lanes) calling[lane] -= limit;
    }
  };

  return {
    deliver: (message, verification) => track(occupy(message.lane, attempt(message, verification))),
    work: claim,
    wake: () => {
      claim().catch(options.onError);
    },
    outcomeOf: async (messageId, waitMs) => {
      if (waiters.size >= MAX_WAITERS) return null;
      const timer = new AbortController();
      const { signal } = timer;
      const outcome = new Promise<StoredMessage>((resolve) => waiters.set(messageId, { resolve, signal }));
      const settled = await Promise.race([outcome, clock.sleep(waitMs, signal).then(() => null)]);
      timer.abort(null);
      waiters.delete(messageId);
      return settled;
    },
    announce,
    receive: (messageId, receipt) => {
      const moving = store.applyReceipt(messageId, receipt, clock.now()).then((moved) => {
        if (moved !== null) announce(moved);
        return moved;
      });
      track(moving.then(() => undefined));
      return moving;
    },
    onChange: (listener) => {
      listeners.push(listener);
    },
    drain: async (graceMs) => {
      isDraining = true;
      const timer = new AbortController();
      await Promise.race([Promise.allSettled(running), clock.sleep(graceMs, timer.signal)]);
      timer.abort(null);
      stop.abort();
      await Promise.allSettled(running);
    },
  };
}
