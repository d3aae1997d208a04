import type { Channel, Lane, MessageState } from "@mestore/sms-gateway-contract";
import type { ErrorCode } from "@mestore/sms-gateway-contract/errors";

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
  | "email_refused"
  | "delivery_failed"
>;

/**
 * What one call to a provider came to.
 *
 * `accepted` it has the message · `rejected` it never will take it · `throttled` not now · `unavailable` it certainly did
 * not take it, and may later · `unknown` it may have (a timeout after the request left), so nobody sends it twice blindly.
 */
export type SendResult =
  | { readonly outcome: "accepted"; readonly providerMessageId: string }
  | { readonly outcome: "rejected"; readonly code: RejectionCode; readonly vendorCode?: string }
  | { readonly outcome: "throttled"; readonly retryAfterMs?: number; readonly vendorCode?: string }
  | { readonly outcome: "unavailable"; readonly vendorCode?: string }
  | { readonly outcome: "unknown"; readonly vendorCode?: string };

/** A delivery receipt in our words. */
export interface Receipt {
  readonly state: "sent" | "delivered" | "undelivered";
  readonly code?: RejectionCode;
  readonly vendorCode?: string;
}

export interface DeliveryPlan {
  /** What the message becomes. `queued` means one more attempt at `nextAttemptAt`. */
  readonly state: MessageState;
  readonly nextAttemptAt?: number;
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
  /** Attempts begun, this one included. */
  readonly attempts: number;
  /** Attempts before this one whose outcome stayed unknown. */
  readonly unknownBefore: number;
  /** Nothing is sent at or after this instant. */
  readonly deliverBefore: number;
}

/** Decides what a message becomes after one attempt. */
export function afterAttempt(message: AttemptedMessage, result: SendResult, now: number): DeliveryPlan {
  const mayHaveLeft = message.unknownBefore > 0;
  switch (result.outcome) {
    case "accepted":
      return { state: "sent", giveBack: false };
    case "rejected":
      return { state: mayHaveLeft ? "unknown" : "failed", errorCode: result.code, giveBack: !mayHaveLeft };
    case "unknown": {
      const again = message.lane === "otp" && message.unknownBefore + 1 < MAX_OTP_UNKNOWN;
      const nextAttemptAt = now + OTP_UNKNOWN_RETRY_MS;
      return again && nextAttemptAt < message.deliverBefore
        ? { state: "queued", nextAttemptAt, giveBack: false }
        : { state: "unknown", giveBack: false };
    }
    case "throttled":
    case "unavailable": {
      const delay = retryDelays[message.lane][message.attempts - 1 - message.unknownBefore];
      const asked = result.outcome === "throttled" ? (result.retryAfterMs ?? 0) : 0;
      const nextAttemptAt = now + Math.max(delay ?? 0, asked);
      if (delay !== undefined && nextAttemptAt < message.deliverBefore) {
        return { state: "queued", nextAttemptAt, giveBack: false };
      }
      return { state: mayHaveLeft ? "unknown" : "failed", errorCode: "delivery_failed", giveBack: !mayHaveLeft };
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
  readonly text: string;
  /** E-mail only. */
  readonly subject?: string;
  readonly html?: string;
  /** Nobody wants it after this instant; providers that can, pass it on. */
  readonly deliverBefore: number;
  /** A call that has not begun by then must not begin: the lease is about to end, and another process would call too. */
  readonly callBefore: number;
  /** The code inside an OTP: shown by the simulation, never by a carrier. */
  readonly code?: string;
  /** The user's name on record, for the terminal block of the simulation. */
  readonly userName?: string;
}
