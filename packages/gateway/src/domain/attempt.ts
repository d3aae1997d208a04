import type { MessageState } from "@mestore/sms-gateway-contract";
import { afterAttempt, isForward, type Receipt, type SendResult } from "./delivery.ts";
import type { NewEvent } from "./event.ts";
import { callsForFallback } from "./fallback.ts";
import type { StoredMessage } from "./message.ts";
import { nextProvider } from "./route.ts";

/** Only while it may still be sent does a message keep its text. */
export const keepsText = (state: MessageState): boolean => state === "queued" || state === "sending";

/** What a step makes of a message: its row as it is to be written, and what is told of it. */
export interface MessageMove {
  readonly message: StoredMessage;
  /** End of the lease while sending, "not before" while queued, null once nobody sends it any more. */
  readonly dueAt: number | null;
  /** Nothing was sent: sends, cool-down and money go back. */
  readonly giveBack: boolean;
  /** The next channel of its verification takes over, where one is left. */
  readonly fallsBack: boolean;
  readonly events: readonly NewEvent[];
}

/** An event of a message, filed under its verification when it has one. */
const messageEvent = (
  message: StoredMessage,
  event: { readonly type: string; readonly at: number; readonly data?: Readonly<Record<string, unknown>> },
): NewEvent => ({
  ...event,
  tenant: message.tenant,
  entityId: message.verificationId ?? message.id,
  messageId: message.id,
});

/** Moves a message forward by a receipt, never back; null when it does not move. */
export function applyReceipt(message: StoredMessage, receipt: Receipt, now: number): MessageMove | null {
  const { state, code, vendorCode, attempt = message.attempts } = receipt;
  if (!isForward(message.state, state)) return null;
  // An attempt that failed over: what it did not deliver, the next one may.
  if (state === "undelivered" && attempt !== message.attempts) return null;
  const data = {
    ...(attempt === message.attempts ? {} : { attempt }),
    ...(code === undefined ? {} : { errorCode: code }),
    ...(vendorCode === undefined ? {} : { vendorCode }),
  };
  const moved = { ...message, state, errorCode: code ?? message.errorCode, text: null, updatedAt: now };
  return {
    message: moved,
    dueAt: null,
    giveBack: false,
    fallsBack: callsForFallback(moved),
    events: [messageEvent(message, { type: `message.${state}`, at: now, data })],
  };
}

/** What an attempt came to, and who could make the next one. */
export interface Conclusion {
  readonly result: SendResult;
  /** Who may be called from here on, the best first. */
  readonly usable: readonly string[];
  readonly now: number;
}

/** Ends the running attempt with what it came to. */
export function concludeAttempt(message: StoredMessage, { result, usable, now }: Conclusion): MessageMove {
  const { attempts, unknownAttempts, provider, tried } = message;
  const next = nextProvider(usable, tried);
  const plan = afterAttempt({ ...message, unknownBefore: unknownAttempts }, result, { next, now });
  const data = {
    attempt: attempts,
    provider,
    outcome: result.outcome,
    ...("sender" in result && typeof result.sender === "string" ? { sender: result.sender } : {}),
    ...("vendorCode" in result && result.vendorCode !== undefined ? { vendorCode: result.vendorCode } : {}),
    ...(plan.errorCode === undefined ? {} : { errorCode: plan.errorCode }),
    ...(plan.giveBack ? { givenBack: true } : {}),
    ...(plan.nextProvider === undefined ? {} : { next: plan.nextProvider }),
  };
  const errorCode = plan.errorCode ?? message.errorCode;
  return {
    message: {
      ...message,
      state: plan.state,
      errorCode,
      provider: plan.nextProvider ?? provider,
      providerMessageId: result.outcome === "accepted" ? result.providerMessageId : message.providerMessageId,
      unknownAttempts: unknownAttempts + (result.outcome === "unknown" ? 1 : 0),
      text: keepsText(plan.state) ? message.text : null,
      updatedAt: now,
    },
    dueAt: plan.nextAttemptAt ?? null,
    giveBack: plan.giveBack,
    fallsBack: callsForFallback({ state: plan.state, errorCode }),
    events: [
      messageEvent(message, {
        type: plan.state === "queued" ? "message.retrying" : `message.${plan.state}`,
        at: now,
        data,
      }),
    ],
  };
}

/** A call that was answered after its receipt had come: the receipt stands, only the vendor's id is new. */
export const keepsVendorId = (seen: StoredMessage, current: StoredMessage): boolean =>
  current.attempts === seen.attempts && current.providerMessageId === null && !keepsText(current.state);

/** Gives a message up that nobody wants any more: past its deadline, or its verification has ended. */
function expireMessage(message: StoredMessage, now: number): MessageMove {
  const mayHaveLeft = message.unknownAttempts > 0;
  const state = mayHaveLeft ? "unknown" : "expired";
  const ended = message.verificationId === null ? "opted_out" : "verification_ended";
  const reason = now >= message.deliverBefore ? "deadline" : ended;
  return {
    message: { ...message, state, text: null, updatedAt: now },
    dueAt: null,
    giveBack: !mayHaveLeft,
    fallsBack: false,
    events: [messageEvent(message, { type: `message.${state}`, at: now, data: { reason } })],
  };
}

export interface Claimer {
  /** False for a code that was used or given up: it is not sent again. */
  readonly isWanted: boolean;
  readonly leaseMs: number;
  readonly now: number;
}

/** Takes a message that is due: begins its next attempt, or ends it. */
export function claimDue(found: StoredMessage, { isWanted, leaseMs, now }: Claimer): MessageMove {
  // A lease that ran out: the process that began the attempt is gone, and the call may have left.
  const lost =
    found.state === "sending"
      ? concludeAttempt(found, { result: { outcome: "unknown" }, usable: [found.provider], now })
      : null;
  if (lost !== null && lost.message.state !== "queued") return lost;
  const message = lost?.message ?? found;
  const events = lost?.events ?? [];
  if (now >= message.deliverBefore || !isWanted) {
    const expired = expireMessage(message, now);
    return { ...expired, events: [...events, ...expired.events] };
  }
  return {
    message: {
      ...message,
      state: "sending",
      attempts: message.attempts + 1,
      tried: [...message.tried, message.provider],
      updatedAt: now,
    },
    dueAt: now + leaseMs,
    giveBack: false,
    fallsBack: false,
    events,
  };
}
