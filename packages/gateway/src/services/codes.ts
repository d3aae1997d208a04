import { AppError } from "../domain/app-error.ts";
import { codeFromMac, encodeBinding } from "../domain/code.ts";
import type { Verification } from "../domain/verification.ts";
import type { Secrets } from "../ports/secrets.ts";

/** By then a process that was not yet told the new secret has been. */
const RETRY_AFTER_SECONDS = 5;

/** Codes are derived when they are needed and kept nowhere. */
export interface Codes {
  /** Null when the secret that derived it is no longer configured. */
  codeOf(verification: Verification): string | null;
  /**
   * Compares in constant time.
   *
   * @throws {AppError} `service_unavailable` when its secret is not configured here: nothing was compared, nothing counts
   */
  matches(verification: Verification, guess: string): boolean;
}

export function createCodes(secrets: Secrets): Codes {
  const codeOf = (verification: Verification): string | null => {
    const mac = secrets.codeMac(verification.kid, encodeBinding(verification));
    return mac === null ? null : codeFromMac(mac, verification.codeLength);
  };
  return {
    codeOf,
    matches: (verification, guess) => {
      const code = codeOf(verification);
      if (code === null) throw new AppError("service_unavailable", { retryAfterSeconds: RETRY_AFTER_SECONDS });
      return secrets.isEqual(code, guess);
    },
  };
}
