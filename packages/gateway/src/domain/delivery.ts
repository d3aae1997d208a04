import type { Channel, Lane, MessageState } from "@mestore/sms-gateway-contract";
import type { ErrorCode } from "@mestore/sms-gateway-contract/errors";
import { type NextProvider, waitsOf } from "./route.ts";

/** Why a provider refused for good, as the code that the caller reads. */
export type RejectionCode = Extract<
  ErrorCode,
  | "phone_invalid"
  | "phone_landline"
  | "country_not_allowed"
  | "opted_out"
  | "number_unreachable"
  | "number_inactive"
  | "handset_unreachable"
  | "message_blocked"
  | "message_filtered"
  | "destination_blocked"
  | "channel_unavailable"
  | "whatsapp_missing"
  | "carrier_congested"
  | "send_in_progress"
  | "rate_limited"
  | "email_refused"
  | "delivery_failed"
>;

/** What may be changed so that the same message arrives after all. */
export type Change = "sender" | "provider" | "channel";

/**
 * What one call to a provider came to.
 *
 * `accepted` it has the message · `rejected` it never will take it · `throttled` not now · `unavailable` it certainly did
 * not take it, and may later · `unknown` it may have (a timeout after the request left), so nobody sends it twice blindly.
 */
export type SendResult =
  | {
      readonly outcome: "accepted";
      readonly providerMessageId: string;
      /** A number, a short code or a name; null when the vendor chose. */
      readonly sender?: string | null;
    }
  | {
      readonly outcome: "rejected";
      readonly code: RejectionCode;
      readonly vendorCode?: string;
      /** What may help; nothing does when absent. */
      readonly change?: readonly Change[];
    }
  | { readonly outcome: "throttled"; readonly retryAfterMs?: number; readonly vendorCode?: string }
  | { readonly outcome: "unavailable"; readonly vendorCode?: string }
  | { readonly outcome: "unknown"; readonly vendorCode?: string };

/** What a message cost, as the vendor says it. */
export interface Price {
  readonly amount: number;
  /** ISO 4217. */
  readonly currency: string;
}

/** A delivery receipt in our words. */
export interface Receipt {
  /** The attempt that it speaks of; the last one when absent. */
  readonly attempt?: number;
  readonly price?: Price;
  readonly state: "sent" | "delivered" | "undelivered";
  readonly code?: RejectionCode;
  readonly vendorCode?: string;
  /** What may help; nothing does when absent. */
  readonly change?: readonly Change[];
}

export interface DeliveryPlan {
  /** What the message becomes. `queued` means one more attempt at `nextAttemptAt`. */
  readonly state: MessageState;
  readonly nextAttemptAt?: number;
  /** Who makes it. */
  readonly nextProvider?: string;
  readonly errorCode?: RejectionCode;
  /** Nothing was sent: sends, cool-down and money go back. */
  readonly giveBack: boolean;
}

/** Calls to a provider at a time: a code never waits behind notifications. */
export const CALLS_AT_ONCE: Readonly<Record<Lane, number>> = { otp: 64, notification: 16 };

const OTP_RETRY_MS = [300, 1_000] as const;
const NOTIFICATION_RETRY_MS = [1_000, 5_000, 30_000, 120_000, 600_000] as const;
/** An OTP whose first outcome is unknown goes out once more, a notification never. */
const OTP_UNKNOWN_RETRY_MS = 1_000;
const MAX_OTP_UNKNOWN = 2;

const retryDelays: Readonly<Record<Lane, readonly number[]>> = {
  otp: OTP_RETRY_MS,
  notification: NOTIFICATION_RETRY_MS,
};

export interface AttemptedMessage {
  readonly lane: Lane;
  /** The provider of each attempt, this one last. */
  readonly tried: readonly string[];
  /** Attempts before this one whose outcome stayed unknown. */
  readonly unknownBefore: number;
  /** Nothing is sent at or after this instant. */
  readonly deliverBefore: number;
}

/** A refusal that another provider would not repeat. */
const helpsElsewhere = ({ change = [] }: { readonly change?: readonly Change[] }): boolean =>
  change.includes("provider") || change.includes("sender");

/**
 * Decides what a message becomes after one attempt. Whoever has not been tried is called at once; when all have been, the
 * message waits, and begins again with the first. What may have left goes out once more when it is an OTP, and never when
 * it is a notification.
 *
 * @param next who would be called next; null when nobody can be
 */
export function afterAttempt(
  message: AttemptedMessage,
  result: SendResult,
  { next, now }: { readonly next: NextProvider | null; readonly now: number },
): DeliveryPlan {
  const { lane, unknownBefore, deliverBefore } = message;
  const mayHaveLeft = unknownBefore > 0;
  const lost = (errorCode: RejectionCode): DeliveryPlan => ({
    state: mayHaveLeft ? "unknown" : "failed",
    errorCode,
    giveBack: !mayHaveLeft,
  });
  const again = (nextAttemptAt: number): DeliveryPlan | null =>
    next !== null && nextAttemptAt < deliverBefore
      ? { state: "queued", nextAttemptAt, nextProvider: next.id, giveBack: false }
      : null;
  const isFailover = next?.isFailover === true;
  switch (result.outcome) {
    case "accepted":
      return { state: "sent", giveBack: false };
    case "rejected":
      return (isFailover && helpsElsewhere(result) ? again(now) : null) ?? lost(result.code);
    case "unknown": {
      const once = lane === "otp" && unknownBefore + 1 < MAX_OTP_UNKNOWN;
      const nextAttemptAt = isFailover ? now : now + OTP_UNKNOWN_RETRY_MS;
      return (once ? again(nextAttemptAt) : null) ?? { state: "unknown", giveBack: false };
    }
    case "throttled":
    case "unavailable": {
      if (isFailover) return again(now) ?? lost("delivery_failed");
      const delay = retryDelays[lane][Math.max(0, waitsOf(message.tried) - unknownBefore)];
      const asked = result.outcome === "throttled" ? (result.retryAfterMs ?? 0) : 0;
      return (delay === undefined ? null : again(now + Math.max(delay, asked))) ?? lost("delivery_failed");
    }
  }
}

const RANK: Readonly<Record<MessageState, number>> = {
  queued: 0,
  sending: 1,
  unknown: 2,
  sent: 3,
  failed: 4,
  expired: 4,
  undelivered: 4,
  delivered: 5,
};

/** Tells whether a receipt moves a message forward; receipts come twice and out of order. */
export const isForward = (from: MessageState, to: MessageState): boolean => RANK[to] > RANK[from];

/** A state in which nobody sends the message again, so that its text is emptied. A receipt may still move it. */
export const isFinal = (state: MessageState): boolean => RANK[state] >= 4 || state === "unknown";

/** What a provider receives: the words are final, `text` is never stored once the message has ended. */
export interface OutgoingMessage {
  readonly id: string;
  readonly lane: Lane;
  readonly channel: Channel;
  readonly to: string;
  /** Two letters for a phone, null for an e-mail. */
  readonly country: string | null;
  readonly text: string;
  /** E-mail only. */
  readonly subject?: string;
  readonly html?: string;
  /** Nobody wants it after this instant; providers that can, pass it on. */
  readonly deliverBefore: number;
  /** A call that has not begun by then must not begin: the lease is about to end, and another process would call too. */
  readonly callBefore: number;
  /** Where the vendor posts the receipts of this attempt; absent while nobody could reach us. */
  readonly receiptUrl?: string;
  /** Where the vendor of a call reads what to say; absent in other channels, and while nobody could reach us. */
  readonly scriptUrl?: string;
  /** The code inside an OTP: shown by the simulation, never by a carrier. */
  readonly code?: string;
  /** The user's name on record, for the terminal block of the simulation. */
  readonly userName?: string;
}
