import type { MessageState } from "@mestore/sms-gateway-contract";
import type { CheckOutcome, Guess } from "../domain/check.ts";
import type { RejectionCode } from "../domain/delivery.ts";
import type { FailureBudget } from "../domain/failures.ts";
import type { IdempotentAnswer } from "../domain/idempotency.ts";
import type { Charge, Refusal } from "../domain/limits.ts";
import type { NewMessage } from "../domain/message.ts";
import type { Opening } from "../domain/start.ts";
import type { Address, Verification, VerificationScope } from "../domain/verification.ts";

export interface StartStep extends Opening {
  /** Inserted with its first attempt begun and leased to this process. */
  readonly message: NewMessage;
  readonly charges: readonly Charge[];
  /**
   * Written in the same commit, so that a retry after a lost answer gets the same one. When somebody else has answered
   * under that key meanwhile, the step changes nothing and throws `idempotency_running`.
   */
  readonly idempotency?: { readonly key: string; readonly answer: (started: Started) => IdempotentAnswer };
}

export interface Started {
  readonly verification: Verification;
  readonly messageId: string;
}

export type StartOutcome =
  | ({ readonly kind: "started" } & Started)
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | { readonly kind: "waiting"; readonly retryAfterMs: number }
  /** The person wants no messages. */
  | { readonly kind: "opted_out" }
  /** A continuation came too late. */
  | { readonly kind: "unwanted" };

/** A guess; its `matches` runs inside the step, which may be run again, and then calls it again. */
export interface CheckStep extends Omit<Guess, "isById"> {
  /** One verification by id, or the live one of a scope and address. */
  readonly target:
    | { readonly tenant: string; readonly id: string }
    | (VerificationScope & { readonly address: Address });
}

/** Everything a page says about one address in one scope. */
export interface AddressState {
  readonly latest: Verification | null;
  readonly failures: FailureBudget;
  readonly lastMessage: { readonly state: MessageState; readonly errorCode: RejectionCode | null } | null;
}

/** A verification whose last send did not arrive, and whose next channel has not taken over yet. */
export interface DueFallback {
  readonly tenant: string;
  readonly id: string;
}

export interface VerificationStore {
  /** Waits, reuse, limits, verification, message, idempotent answer and event: one commit, or nothing. */
  startVerification(step: StartStep): Promise<StartOutcome>;
  /** Counts the attempt and consumes the verification if it matched, in one commit; marks the contact of its subject. */
  checkCode(step: CheckStep): Promise<CheckOutcome>;
  /** Cancels a pending verification; null when it is nobody's, unchanged when it has ended. */
  cancelVerification(tenant: string, id: string, now: number): Promise<Verification | null>;
  /** Verifications that wait for their next channel since `until` or longer: their process died, or could not. */
  listFallbacks(until: number, limit: number): Promise<readonly DueFallback[]>;
  /** Gives up the other channels of a verification, and says why in its timeline. */
  endFallback(due: DueFallback, reason: string, now: number): Promise<void>;
  readVerification(tenant: string, id: string): Promise<Verification | null>;
  readAddressState(scope: VerificationScope, address: Address, now: number): Promise<AddressState>;
  readFailures(address: Address, now: number): Promise<FailureBudget>;
}
