import type { Contact, ContactFields, ContactOwner } from "../domain/contact.ts";

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
