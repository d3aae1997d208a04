/** A request that began under a key holds it for so long; then somebody else may take over. */
export const KEY_LEASE_MS = 30_000;
/** An answer is given again for so long. */
export const ANSWER_KEPT_MS = 24 * 3_600_000;

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

/** A key as it is kept. */
export interface KeptKey {
  readonly request: string;
  readonly leaseUntil: number;
  /** Null while the request runs. */
  readonly answer: IdempotentAnswer | null;
  readonly createdAt: number;
}

/** Decides who has a key; `claimed` means that the caller writes it. */
export function decideKey(kept: KeptKey | null, { request, now }: IdempotencyClaim): ClaimOutcome {
  if (kept === null || now >= kept.createdAt + ANSWER_KEPT_MS) return { kind: "claimed" };
  if (kept.request !== request) return { kind: "mismatch" };
  if (kept.answer !== null) return { kind: "replay", answer: kept.answer };
  return now < kept.leaseUntil ? { kind: "running", retryAfterMs: kept.leaseUntil - now } : { kind: "claimed" };
}
