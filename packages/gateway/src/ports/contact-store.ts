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

/** Whose contact it is. */
export interface ContactOwner {
  readonly tenant: string;
  /** The user as the host names it. */
  readonly sub: string;
}

export interface ContactStore {
  /** Replaces the fields; a verified flag falls when its number or address changes. */
  putContact(owner: ContactOwner, fields: ContactFields, now: number): Promise<Contact>;
  /**
   * Takes the claims of a token, unless the contact was ever PUT or a newer token was seen. Null says nothing of a field.
   *
   * @param claims.issuedAt `iat` of the token, epoch milliseconds
   * @returns the contact as it stands afterwards
   */
  applyClaims(
    owner: ContactOwner,
    claims: { readonly fields: ContactFields; readonly issuedAt: number },
    now: number,
  ): Promise<Contact>;
  readContact(owner: ContactOwner): Promise<Contact | null>;
  /** False when there was none. */
  deleteContact(owner: ContactOwner): Promise<boolean>;
}
