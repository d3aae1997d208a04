/** An answer as it went out, to be given again. */
export interface IdempotentAnswer {
  readonly status: number;
  readonly body: string;
}

export interface IdempotencyClaim {
  /** Fingerprint of caller and key. */
  readonly key: string;
  /** Fingerprint of route and body. */
  readonly request: string;
  readonly now: number;
}

export type ClaimOutcome =
  | { readonly kind: "claimed" }
  | { readonly kind: "replay"; readonly answer: IdempotentAnswer }
  | { readonly kind: "mismatch" }
  | { readonly kind: "running"; readonly retryAfterMs: number };

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
