import type { DatabaseSync } from "node:sqlite";
import { type Contact, claimFields, ignoresClaims, type KeptContact, putFields } from "../../../domain/contact.ts";
import type { ContactStore } from "../../../ports/contact-store.ts";
import { prepare } from "./statement.ts";
import type { Writer } from "./writer.ts";

interface ContactRow {
  readonly tenant: string;
  readonly sub: string;
  readonly phone: string | null;
  readonly email: string | null;
  readonly name: string | null;
  readonly phone_verified_at: number | null;
  readonly email_verified_at: number | null;
  readonly was_put: number;
  readonly claims_issued_at: number;
  readonly updated_at: number;
}

const toContact = (row: ContactRow): Contact => ({
  tenant: row.tenant,
  sub: row.sub,
  phone: row.phone,
  email: row.email,
  name: row.name,
  phoneVerifiedAt: row.phone_verified_at,
  emailVerifiedAt: row.email_verified_at,
  updatedAt: row.updated_at,
});

const toKept = (row: ContactRow | undefined): KeptContact | null =>
  row === undefined ? null : { ...toContact(row), wasPut: row.was_put === 1, claimsIssuedAt: row.claims_issued_at };

const SELECT = "select * from contacts where tenant = ? and sub = ?";

export function createContacts(database: DatabaseSync, reader: DatabaseSync, writer: Writer): ContactStore {
  const select = prepare<ContactRow>(database, SELECT);
  const read = prepare<ContactRow>(reader, SELECT);
  const upsert = prepare(
    database,
    `insert into contacts (tenant, sub, phone, email, name, phone_verified_at, email_verified_at, was_put, claims_issued_at, updated_at)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     on conflict do update set phone = excluded.phone, email = excluded.email, name = excluded.name,
       phone_verified_at = excluded.phone_verified_at, email_verified_at = excluded.email_verified_at,
       was_put = excluded.was_put, claims_issued_at = excluded.claims_issued_at, updated_at = excluded.updated_at`,
  );
  const remove = prepare(database, "delete from contacts where tenant = ? and sub = ?");

  const write = (kept: KeptContact): Contact => {
    const { wasPut, claimsIssuedAt, ...c } = kept;
    const verified = [c.phoneVerifiedAt, c.emailVerifiedAt] as const;
    upsert.run(c.tenant, c.sub, c.phone, c.email, c.name, ...verified, wasPut ? 1 : 0, claimsIssuedAt, c.updatedAt);
    return c;
  };

  return {
    putContact: (owner, fields, now) =>
      writer.run(() => write(putFields(toKept(select.get(owner.tenant, owner.sub)), owner, { fields, now }))),
    applyClaims: async (owner, { fields, issuedAt }, now) => {
      const settled = (row: ContactRow | undefined): Contact | null => {
        const kept = toKept(row);
        return row !== undefined && kept !== null && ignoresClaims(kept, issuedAt) ? toContact(row) : null;
      };
      const current = settled(read.get(owner.tenant, owner.sub));
      if (current !== null) return current;
      return writer.run(() => {
        const old = select.get(owner.tenant, owner.sub);
        return settled(old) ?? write(claimFields(toKept(old), owner, { fields, issuedAt, now }));
      });
    },
    readContact: async ({ tenant, sub }) => {
      const row = read.get(tenant, sub);
      return row === undefined ? null : toContact(row);
    },
    deleteContact: ({ tenant, sub }) => writer.run(() => remove.run(tenant, sub) === 1),
  };
}
