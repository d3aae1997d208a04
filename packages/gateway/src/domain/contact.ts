export interface ContactFields {
  /** E.164. */
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

/** What the host application told us about one of its users. */
export interface Contact extends ContactOwner, ContactFields {
  readonly phoneVerifiedAt: number | null;
  readonly emailVerifiedAt: number | null;
  readonly updatedAt: number;
}

/** A contact with where its fields come from. */
export interface KeptContact extends Contact {
  /** The host told us itself: claims of tokens count no more. */
  readonly wasPut: boolean;
  /** `iat` of the newest token whose claims were taken, epoch milliseconds. */
  readonly claimsIssuedAt: number;
}

/** A verified flag falls with the address it was won for. */
const withFields = (old: KeptContact | null, fields: ContactFields) => ({
  ...fields,
  phoneVerifiedAt: old !== null && old.phone === fields.phone ? old.phoneVerifiedAt : null,
  emailVerifiedAt: old !== null && old.email === fields.email ? old.emailVerifiedAt : null,
});

export const putFields = (
  old: KeptContact | null,
  { tenant, sub }: ContactOwner,
  { fields, now }: { readonly fields: ContactFields; readonly now: number },
): KeptContact => ({
  ...{ tenant, sub, ...withFields(old, fields) },
  ...{ wasPut: true, claimsIssuedAt: old?.claimsIssuedAt ?? 0, updatedAt: now },
});

/** Tells whether a token's claims change nothing: the contact was PUT, or a newer token was seen. */
export const ignoresClaims = (old: KeptContact, issuedAt: number): boolean =>
  old.wasPut || issuedAt <= old.claimsIssuedAt;

/** Takes the claims of a token; a field that it says nothing of stays as it was. */
export const claimFields = (
  old: KeptContact | null,
  { tenant, sub }: ContactOwner,
  { fields, issuedAt, now }: { readonly fields: ContactFields; readonly issuedAt: number; readonly now: number },
): KeptContact => {
  const known = {
    phone: fields.phone ?? old?.phone ?? null,
    email: fields.email ?? old?.email ?? null,
    name: fields.name ?? old?.name ?? null,
  };
  return {
    ...{ tenant, sub, ...withFields(old, known) },
    ...{ wasPut: false, claimsIssuedAt: issuedAt, updatedAt: now },
  };
};
