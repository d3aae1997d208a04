import type { DatabaseSync } from "node:sqlite";
import type { Contact, ContactFields, ContactStore } from "../../../ports/contact-store.ts";
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

  const write = (row: ContactRow): Contact => {
    upsert.run(
      row.tenant,
      row.sub,
      row.phone,
      row.email,
      row.name,
      row.phone_verified_at,
      row.email_verified_at,
      row.was_put,
      row.claims_issued_at,
      row.updated_at,
    );
    return toContact(row);
  };

  /** A verified flag falls with the address it was won for. */
  const merge = (old: ContactRow | undefined, fields: ContactFields) => ({
    ...fields,
    phone_verified_at: old !== undefined && old.phone === fields.phone ? old.phone_verified_at : null,
    email_verified_at: old !== undefined && old.email === fields.email ? old.email_verified_at : null,
  });

  return {
    putContact: ({ tenant, sub }, fields, now) =>
      writer.run(() => {
        const old = select.get(tenant, sub);
        const claims_issued_at = old?.claims_issued_at ?? 0;
        return write({ tenant, sub, ...merge(old, fields), was_put: 1, claims_issued_at, updated_at: now });
      }),
    applyClaims: async ({ tenant, sub }, { fields, issuedAt }, now) => {
      const settled = (row: ContactRow | undefined): Contact | null =>
        row !== undefined && (row.was_put === 1 || issuedAt <= row.claims_issued_at) ? toContact(row) : null;
      const current = settled(read.get(tenant, sub));
      if (current !== null) return current;
      return writer.run(() => {
        const old = select.get(tenant, sub);
        const kept = settled(old);
        if (kept !== null) return kept;
        // A token that says nothing of a field leaves it as it was.
        const known = {
          phone: fields.phone ?? old?.phone ?? null,
          email: fields.email ?? old?.email ?? null,
          name: fields.name ?? old?.name ?? null,
        };
        return write({ tenant, sub, ...merge(old, known), was_put: 0, claims_issued_at: issuedAt, updated_at: now });
      });
    },
    readContact: async ({ tenant, sub }) => {
      const row = read.get(tenant, sub);
      return row === undefined ? null : toContact(row);
    },
    deleteContact: ({ tenant, sub }) => writer.run(() => remove.run(tenant, sub) === 1),
  };
}
