import type { Pool } from "pg";
import {
  type Contact,
  type ContactOwner,
  claimFields,
  ignoresClaims,
  type KeptContact,
  putFields,
} from "../../../domain/contact.ts";
import type { ContactStore } from "../../../ports/contact-store.ts";
import type { Pools } from "./connection.ts";
import { assertStorable } from "./storable.ts";
import { inTransaction, rowsOf, type Statement, type Transaction } from "./transaction.ts";

const SELECT: Statement = {
  name: "contact",
  text: `select tenant, sub, phone, email, name, phone_verified_at as "phoneVerifiedAt",
      email_verified_at as "emailVerifiedAt", was_put as "wasPut", claims_issued_at as "claimsIssuedAt",
      updated_at as "updatedAt"
    from contacts where tenant = $1 and sub = $2`,
};
const UPSERT: Statement = {
  name: "put_contact",
  text: `insert into contacts (tenant, sub, phone, email, name, phone_verified_at, email_verified_at, was_put,
      claims_issued_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    on conflict (tenant, sub) do update set phone = excluded.phone, email = excluded.email, name = excluded.name,
      phone_verified_at = excluded.phone_verified_at, email_verified_at = excluded.email_verified_at,
      was_put = excluded.was_put, claims_issued_at = excluded.claims_issued_at, updated_at = excluded.updated_at`,
};
const DELETE: Statement = {
  name: "delete_contact",
  text: "delete from contacts where tenant = $1 and sub = $2 returning sub",
};

const toContact = ({ wasPut: _, claimsIssuedAt: __, ...contact }: KeptContact): Contact => contact;

const write = (transaction: Transaction, c: KeptContact): void =>
  transaction.send(UPSERT, [
    ...[c.tenant, c.sub, c.phone, c.email, c.name, c.phoneVerifiedAt, c.emailVerifiedAt],
    ...[c.wasPut, c.claimsIssuedAt, c.updatedAt],
  ]);

/** Changes a contact under its lock; null from `change` leaves it as it is. */
const change = (
  pool: Pool,
  { tenant, sub }: ContactOwner,
  toNext: (old: KeptContact | null) => KeptContact | null,
): Promise<Contact> =>
  inTransaction(pool, async (transaction) => {
    transaction.lock([`contact:${tenant}:${sub}`]);
    const [old = null] = await transaction.rows<KeptContact>(SELECT, [tenant, sub]);
    const next = toNext(old);
    if (next !== null) write(transaction, next);
    await transaction.commit();
    const kept = next ?? old;
    if (kept === null) throw new Error("a contact that is not there was left as it is");
    return toContact(kept);
  });

export function createContacts({ work, read }: Pools): ContactStore {
  const find = async ({ tenant, sub }: ContactOwner): Promise<KeptContact | null> => {
    assertStorable([tenant, sub]);
    return (await rowsOf<KeptContact>(read, SELECT, [tenant, sub]))[0] ?? null;
  };
  return {
    putContact: async (owner, fields, now) => {
      assertStorable([owner.sub, fields.name]);
      return change(work, owner, (old) => putFields(old, owner, { fields, now }));
    },
    applyClaims: async (owner, { fields, issuedAt }, now) => {
      const current = await find(owner);
      if (current !== null && ignoresClaims(current, issuedAt)) return toContact(current);
      assertStorable([fields.name]);
      return change(work, owner, (old) =>
        old !== null && ignoresClaims(old, issuedAt) ? null : claimFields(old, owner, { fields, issuedAt, now }),
      );
    },
    readContact: async (owner) => {
      const kept = await find(owner);
      return kept === null ? null : toContact(kept);
    },
    deleteContact: async ({ tenant, sub }) => (await rowsOf(work, DELETE, [tenant, sub])).length === 1,
  };
}
