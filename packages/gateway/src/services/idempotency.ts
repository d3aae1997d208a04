import { AppError } from "../domain/app-error.ts";
import type { IdempotentAnswer } from "../domain/idempotency.ts";
import { toRetryAfterSeconds } from "../domain/limits.ts";
import type { Clock } from "../ports/clock.ts";
import type { IdempotencyStore } from "../ports/idempotency-store.ts";
import type { Secrets } from "../ports/secrets.ts";

export interface IdempotentRequest {
  /** Who asks: the same key of another caller is another key. */
  readonly caller: string;
  readonly key: string;
  readonly route: string;
  readonly body: unknown;
}

/** What a request came to: `final` says whether a retry may act again. */
export interface IdempotentResult {
  readonly answer: IdempotentAnswer;
  readonly final: boolean;
}

export interface Idempotency {
  /**
   * Runs a request once per key; later ones get the same answer.
   *
   * @param act receives the key to keep a first answer under, in the commit that does the work
   * @throws {AppError} `idempotency_mismatch`, `idempotency_running`, and what `act` throws, which frees the key
   */
  once(request: IdempotentRequest, act: (key: string) => Promise<IdempotentResult>): Promise<IdempotentAnswer>;
}

export function createIdempotency(store: IdempotencyStore, clock: Clock, secrets: Secrets): Idempotency {
  return {
    once: async ({ caller, key: given, route, body }, act) => {
      const key = secrets.fingerprint(JSON.stringify([caller, given]));
      const request = secrets.fingerprint(JSON.stringify([route, body]));
      const claim = await store.claimKey({ key, request, now: clock.now() });
      switch (claim.kind) {
        case "replay":
          return claim.answer;
        case "mismatch":
          throw new AppError("idempotency_mismatch");
        case "running":
          throw new AppError("idempotency_running", { retryAfterSeconds: toRetryAfterSeconds(claim.retryAfterMs) });
        case "claimed":
          break;
      }
      let result: IdempotentResult | null = null;
      try {
        result = await act(key);
      } finally {
        if (result === null) await store.releaseKey(key);
      }
      if (result.final) await store.keepAnswer(key, result.answer);
      else await store.forgetKey(key);
      return result.answer;
    },
  };
}
