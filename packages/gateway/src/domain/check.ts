import type { Channel } from "@mestore/sms-gateway-contract";
import type { NewEvent } from "./event.ts";
import { type FailureBudget, failureWaitMs } from "./failures.ts";
import { afterGuess, isLive, isRemembered, statusAt, type Verification } from "./verification.ts";

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

/** What the store holds when a guess arrives. */
export interface CheckState {
  /** The verification asked for by id, or the newest of the scope and address. */
  readonly found: Verification | null;
  readonly failures: FailureBudget;
}

export interface Guess {
  readonly isById: boolean;
  /** Derives the code and compares it, without effect. */
  readonly matches: (verification: Verification) => boolean;
  /** Wrong guesses per address and day. */
  readonly maxFailuresPerDay: number;
  readonly now: number;
}

/** A guess that was compared, so that it must be counted in the step that compared it. */
export interface CountedGuess {
  /** As it is to be written. */
  readonly verification: Verification;
  readonly isRight: boolean;
  readonly event: NewEvent;
}

export interface CheckDecision {
  readonly outcome: CheckOutcome;
  /** Null when nothing was compared, and nothing is written. */
  readonly counted: CountedGuess | null;
}

const refuse = (outcome: CheckOutcome): CheckDecision => ({ outcome, counted: null });

/** What becomes of a guess whose verification was ended by somebody else in the meantime. */
export const guessedTooLate = ({ channel }: Verification): CheckOutcome => ({ kind: "none", channel });

function compare(live: Verification, { matches, now }: Guess): CheckDecision {
  const isRight = matches(live);
  const { status, attempts } = afterGuess(live, isRight);
  const verification: Verification = { ...live, status, attempts, endedAt: status === "pending" ? null : now };
  const event = { at: now, tenant: live.tenant, entityId: live.id };
  if (isRight) {
    return {
      outcome: { kind: "approved", verification },
      counted: { verification, isRight, event: { ...event, type: "verification.approved" } },
    };
  }
  const counted = {
    verification,
    isRight,
    event: { ...event, type: "verification.guess_incorrect", data: { attempt: attempts } },
  };
  if (status === "max_attempts_reached") return { outcome: { kind: "exhausted", verification }, counted };
  return { outcome: { kind: "incorrect", verification, attemptsRemaining: live.maxAttempts - attempts }, counted };
}

/** Decides one guess, in this order: unknown id, wait, live row, what has ended. */
export function decideCheck({ found, failures }: CheckState, guess: Guess): CheckDecision {
  const { isById, maxFailuresPerDay, now } = guess;
  if (found === null && isById) return refuse({ kind: "not_found" });
  const waitMs = failureWaitMs(failures, maxFailuresPerDay, now);
  if (waitMs > 0) return refuse({ kind: "waiting", retryAfterMs: waitMs });
  if (found === null) return refuse({ kind: "none" });
  if (isLive(found, now)) return compare(found, guess);
  if (isRemembered(found, now) && statusAt(found, now) === "expired") return refuse({ kind: "expired" });
  return refuse(guessedTooLate(found));
}
