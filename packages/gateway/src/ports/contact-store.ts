/** What the host application told us about one of its users. */
export interface Contact {
  readonly tenant: string;
  readonly sub: string;
  /** E.164. */
  readonly phone: string | null;
  readonly email: string | null;
  readonly name: string | null;
  readonly phoneVerifiedAt: number | null;
  readonly emailVerifiedAt: number | null;
  readonly updatedAt: number;
}

export interface ContactFields {
  readonly phone: string | null;
  readonly email: string | null;
  readonly name: string | null;
}

export interface ContactStore {
  /** Replaces the fields; a verified flag falls when its number or address changes. */
  putContact(tenant: string, sub: string, fields: ContactFields, now: number): Promise<Contact>;
  /**
   * Takes the claims of a token, unless the contact was ever PUT or a newer token was seen.
   *
   * @param issuedAt `iat` of the token, epoch milliseconds
   * @returns the contact as it stands afterwards
   */
  applyClaims(tenant: string, sub: string, fields: ContactFields, issuedAt: number, now: number): Promise<Contact>;
  readContact(tenant: string, sub: string): Promise<Contact | null>;
  /** False when there was none. */
  deleteContact(tenant: string, sub: string): Promise<boolean>;
}
