/** What a proof says: this address of this kind was verified, for this tenant, by this verification. */
export interface ProofClaims {
  readonly verificationId: string;
  readonly tenant: string;
  readonly subject: string;
  readonly channel: string;
  readonly address: string;
  readonly purpose: string;
  readonly issuedAt: number;
}

export interface ProofSigner {
  /** A JWS, `typ: verification+jwt`, EdDSA, ten minutes of life. */
  sign(claims: ProofClaims): Promise<string>;
  /** The public key set that any service checks proofs with (RFC 7517). */
  readonly keySet: { readonly keys: readonly Readonly<Record<string, unknown>>[] };
}
