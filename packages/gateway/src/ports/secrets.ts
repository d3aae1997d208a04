/** Chance and keys. Keys stay behind this port. */
export interface Secrets {
  randomBytes(size: number): Uint8Array;
  /** Random bytes as base64url text. */
  randomText(size: number): string;
  /** The `kid` that new verifications are derived with. */
  readonly currentKid: string;
  /** HMAC-SHA256 under the OTP secret `kid`, or null when that secret is no longer configured. */
  codeMac(kid: string, message: Uint8Array): Uint8Array | null;
  /** Compares two texts in a time that tells nothing but whether their lengths, which are public, are equal. */
  isEqual(a: string, b: string): boolean;
  /** What a number or an e-mail address becomes when nobody needs it any more: a keyed hash, `~` and 256 bits as base64url. */
  hashAddress(address: string): string;
  /** SHA-256, base64url: for API keys (256 random bits need no slow hash) and idempotency keys. */
  fingerprint(text: string): string;
}
