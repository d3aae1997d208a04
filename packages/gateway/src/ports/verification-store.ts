import type { Channel, MessageState } from "@mestore/sms-gateway-contract";
import type { RejectionCode } from "../domain/delivery.ts";
import type { FailureBudget } from "../domain/failures.ts";
import type { Charge, Refusal } from "../domain/limits.ts";
import type { Address, Verification, VerificationScope } from "../domain/verification.ts";
import type { IdempotentAnswer } from "./idempotency-store.ts";
import type { NewMessage } from "./message-store.ts";

/** What a start needs to make a new verification; a live one keeps its own. */
export type FreshVerification = Pick<
  Verification,
  "id" | "salt" | "kid" | "codeLength" | "maxAttempts" | "locale" | "expiresAt"
>;

export interface StartStep extends VerificationScope {
  readonly address: Address;
  readonly channel: Channel;
  readonly fresh: FreshVerification;
  /** Inserted with its first attempt begun and leased to this process. */
  readonly message: NewMessage;
  readonly charges: readonly Charge[];
  readonly maxFailuresPerDay: number;
  /**
   * Written in the same commit, so that a retry after a lost answer gets the same one. When somebody else has answered
   * under that key meanwhile, the step changes nothing and throws `idempotency_running`.
   */
  readonly idempotency?: { readonly key: string; readonly answer: (started: Started) => IdempotentAnswer };
  readonly now: number;
}

export interface Started {
  readonly verification: Verification;
  readonly messageId: string;
}

export type StartOutcome =
  | ({ readonly kind: "started" } & Started)
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | { readonly kind: "waiting"; readonly retryAfterMs: number };

export interface CheckStep {
  /** One verification by id, or the live one of a scope and address. */
  readonly target:
    | { readonly tenant: string; readonly id: string }
    | (VerificationScope & { readonly address: Address });
  /** Derives the code and compares it, inside the step and without effect: a step that is run again calls it again. */
  readonly matches: (verification: Verification) => boolean;
  readonly maxFailuresPerDay: number;
  readonly now: number;
}

export type CheckOutcome =
  | { readonly kind: "approved"; readonly verification: Verification }
  | { readonly kind: "incorrect"; readonly verification: Verification; readonly attemptsRemaining: number }
  | { readonly kind: "exhausted"; readonly verification: Verification }
  | { readonly kind: "waiting"; readonly retryAfterMs: number }
  | { readonly kind: "expired" }
  /** The channel of the verification that was asked for by id. */
  | { readonly kind: "none"; readonly channel?: Channel }
  /** The id is nobody's. */
  | { readonly kind: "not_found" };

/** Everything a page says about one address in one scope. */
export interface AddressState {
  readonly latest: Verification | null;
  readonly failures: FailureBudget;
  readonly lastMessage: { readonly state: MessageState; readonly errorCode: RejectionCode | null } | null;
}

export interface VerificationStore {
  /** Waits, reuse, limits, verification, message, idempotent answer and event: one commit, or nothing. */
  startVerification(step: StartStep): Promise<StartOutcome>;
  /** Counts the attempt and consumes the verification if it matched, in one commit; marks the contact of its subject. */
  checkCode(step: CheckStep): Promise<CheckOutcome>;
  /** Cancels a pending verification; null when it is nobody's, unchanged when it has ended. */
  cancelVerification(tenant: string, id: string, now: number): Promise<Verification | null>;
  readVerification(tenant: string, id: string): Promise<Verification | null>;
  readAddressState(scope: VerificationScope, address: Address, now: number): Promise<AddressState>;
  readFailures(address: Address, now: number): Promise<FailureBudget>;
}
