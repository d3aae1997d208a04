import type { Channel, FallbackChannel, VerificationStatus } from "@mestore/sms-gateway-contract";
import type { RejectionCode } from "./delivery.ts";
import type { NewEvent } from "./event.ts";
import { type FailureBudget, failureWaitMs } from "./failures.ts";
import type { Refusal } from "./limits.ts";
import { type Address, isLive, isReusable, type Verification, type VerificationScope } from "./verification.ts";

/** What a start needs to make a new verification; a live one keeps its own. */
export type FreshVerification = Pick<
  Verification,
  "id" | "salt" | "kid" | "codeLength" | "maxAttempts" | "locale" | "expiresAt"
>;

/** What the store holds when a start arrives. */
export interface StartState {
  /** The live verification of the scope and address, else the newest that ended. */
  readonly newest: Verification | null;
  readonly failures: FailureBudget;
  /** The person wants no codes. */
  readonly isOptedOut: boolean;
  /** What the limits say. */
  readonly refusal: Refusal | null;
}

/** A send that takes over from another one of the same verification. */
export interface Continuation {
  readonly verificationId: string;
  /** The message that did not arrive. */
  readonly messageId: string;
  readonly reason: RejectionCode;
}

export interface Opening extends VerificationScope {
  readonly address: Address;
  readonly channel: Channel;
  readonly fresh: FreshVerification;
  readonly message: { readonly id: string };
  /** What is tried after this send, when it does not arrive. */
  readonly fallback: readonly FallbackChannel[];
  /** Only when that verification still waits for a message after this one: the send before did not arrive. */
  readonly continues?: Continuation;
  readonly maxFailuresPerDay: number;
  readonly now: number;
}

/** A verification that ends because a start replaces it. */
export interface Replaced {
  readonly id: string;
  readonly status: VerificationStatus;
  readonly endedAt: number;
}

export type StartDecision =
  | { readonly kind: "waiting"; readonly retryAfterMs: number }
  | { readonly kind: "opted_out" }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  /** A continuation that nobody needs any more: approved, expired, sent again. */
  | { readonly kind: "unwanted" }
  | {
      readonly kind: "started";
      /** As it is to be written: inserted when fresh, else one send richer. */
      readonly verification: Verification;
      readonly isFresh: boolean;
      readonly replaced: Replaced | null;
      readonly event: NewEvent;
    };

function reuseOrCreate(newest: Verification | null, opening: Opening) {
  const { fresh, channel, address, tenant, purpose, subject, fallback, now } = opening;
  const send = { channel, fallback, lastMessageId: opening.message.id };
  if (newest !== null && isReusable(newest, now)) {
    const verification = { ...newest, ...send, locale: fresh.locale, sends: newest.sends + 1 };
    return { verification, isFresh: false, replaced: null };
  }
  const replaced: Replaced | null =
    newest === null || newest.status !== "pending"
      ? null
      : {
          id: newest.id,
          status: isLive(newest, now) ? "canceled" : "expired",
          endedAt: Math.min(now, newest.expiresAt),
        };
  const verification: Verification = {
    ...{ ...fresh, ...send, tenant, purpose, subject, address },
    ...{ status: "pending", attempts: 0, sends: 1, createdAt: now, endedAt: null },
  };
  return { verification, isFresh: true, replaced };
}

const isWanted = (newest: Verification | null, { verificationId, messageId }: Continuation, now: number): boolean =>
  newest?.id === verificationId && newest.lastMessageId === messageId && isReusable(newest, now);

/** Decides one start: the wait after wrong guesses, the limits, then a send of the live verification or of a new one. */
export function decideStart({ newest, failures, isOptedOut, refusal }: StartState, opening: Opening): StartDecision {
  const { channel, message, continues, maxFailuresPerDay, now } = opening;
  if (continues !== undefined && !isWanted(newest, continues, now)) return { kind: "unwanted" };
  const waitMs = failureWaitMs(failures, maxFailuresPerDay, now);
  if (waitMs > 0) return { kind: "waiting", retryAfterMs: waitMs };
  if (isOptedOut) return { kind: "opted_out" };
  if (refusal !== null) return { kind: "refused", refusal };
  const opened = reuseOrCreate(newest, opening);
  const { id, tenant, sends } = opened.verification;
  const isFallback = continues !== undefined;
  const data = { channel, sends, ...(isFallback ? { after: continues.messageId, reason: continues.reason } : {}) };
  const type = isFallback ? "verification.fallback" : "verification.started";
  return {
    kind: "started",
    ...opened,
    event: { at: now, tenant, type, entityId: id, messageId: message.id, data },
  };
}
