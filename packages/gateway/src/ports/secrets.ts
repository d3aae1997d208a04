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
  /** Keyed hash of a text that goes out and comes back, 128 bits as base64url: nobody else could have made it. */
  seal(text: string): string;
  /** Tells whether a text was sealed here, also before the last rotation; in constant time. */
  isSealed(text: string, seal: string): boolean;
  /** SHA-256, base64url: for API keys (256 random bits need no slow hash) and idempotency keys. */
  fingerprint(text: string): string;
}
