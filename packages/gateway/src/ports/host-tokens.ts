/** What a token of the host application says of its bearer. */
export interface Bearer {
  readonly sub: string;
  /** `iat`, epoch milliseconds; 0 when the token has none. */
  readonly issuedAt: number;
  readonly phone: string | null;
  readonly email: string | null;
  readonly name: string | null;
}

/** Checks the host application's tokens; it never signs one. */
export interface HostTokens {
  /** Null for any token that does not stand: signature, time, issuer, audience, type, shape. */
  verify(token: string): Promise<Bearer | null>;
}
