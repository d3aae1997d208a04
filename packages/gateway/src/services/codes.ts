import { codeFromMac, encodeBinding } from "../domain/code.ts";
import type { Verification } from "../domain/verification.ts";
import type { Secrets } from "../ports/secrets.ts";

/** Codes are derived when they are needed and kept nowhere. */
export interface Codes {
  /** Null when the secret that derived it is no longer configured. */
  codeOf(verification: Verification): string | null;
  /** Compares in constant time. */
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
      return code !== null && secrets.isEqual(code, guess);
    },
  };
}
