import type { ClaimOutcome, IdempotencyClaim, IdempotentAnswer } from "../domain/idempotency.ts";

export interface IdempotencyStore {
  /** Takes a key for 30 seconds; an answer is kept for 24 hours. */
  claimKey(claim: IdempotencyClaim): Promise<ClaimOutcome>;
  /** Keeps the answer. */
  keepAnswer(key: string, answer: IdempotentAnswer): Promise<void>;
  /** Frees a key that has no answer: its request changed nothing. */
  releaseKey(key: string): Promise<void>;
  /** Frees a key whatever it holds: what it started came to nothing. */
  forgetKey(key: string): Promise<void>;
}
