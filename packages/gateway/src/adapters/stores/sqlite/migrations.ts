import type { DatabaseSync } from "node:sqlite";
import { type Kysely, sql } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import { toKysely } from "./connection.ts";

/** Instants are epoch milliseconds, flags 0 or 1, ids text. Tables keyed by text have no rowid: one tree instead of two. */
const initial: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable("verifications")
      .addColumn("id", "text", (c) => c.primaryKey())
      .addColumn("tenant", "text", (c) => c.notNull())
      .addColumn("purpose", "text", (c) => c.notNull())
      .addColumn("subject", "text", (c) => c.notNull())
      .addColumn("address_kind", "text", (c) => c.notNull())
      .addColumn("address", "text", (c) => c.notNull())
      .addColumn("channel", "text", (c) => c.notNull())
      .addColumn("status", "text", (c) => c.notNull())
      .addColumn("salt", "blob", (c) => c.notNull())
      .addColumn("kid", "text", (c) => c.notNull())
      .addColumn("code_length", "integer", (c) => c.notNull())
      .addColumn("attempts", "integer", (c) => c.notNull())
      .addColumn("max_attempts", "integer", (c) => c.notNull())
      .addColumn("sends", "integer", (c) => c.notNull())
      .addColumn("locale", "text", (c) => c.notNull())
      .addColumn("last_message_id", "text", (c) => c.notNull())
      .addColumn("created_at", "integer", (c) => c.notNull())
      .addColumn("expires_at", "integer", (c) => c.notNull())
      .addColumn("ended_at", "integer")
      .modifyEnd(sql`without rowid`)
      .execute();
    // No column of it ever changes, so ending a verification writes its own row and nothing else.
    await db.schema
      .createIndex("verifications_address")
      .on("verifications")
      .columns(["address", "tenant", "purpose", "subject", "id"])
      .execute();

    await db.schema
      .createTable("guesses")
      .addColumn("address", "text", (c) => c.notNull())
      .addColumn("at", "integer", (c) => c.notNull())
      .addColumn("verification_id", "text", (c) => c.notNull())
      .addColumn("attempt", "integer", (c) => c.notNull())
      .addColumn("scope", "text", (c) => c.notNull())
      .addPrimaryKeyConstraint("guesses_pk", ["address", "at", "verification_id", "attempt"])
      .modifyEnd(sql`without rowid`)
      .execute();

    await db.schema
      .createTable("messages")
      .addColumn("id", "text", (c) => c.primaryKey())
      .addColumn("tenant", "text", (c) => c.notNull())
      .addColumn("lane", "text", (c) => c.notNull())
      .addColumn("channel", "text", (c) => c.notNull())
      .addColumn("to_address", "text", (c) => c.notNull())
      .addColumn("locale", "text", (c) => c.notNull())
      .addColumn("country", "text")
      .addColumn("category", "text", (c) => c.notNull())
      .addColumn("template", "text")
      .addColumn("text", "text")
      .addColumn("user_name", "text")
      .addColumn("segments", "integer")
      .addColumn("provider", "text", (c) => c.notNull())
      .addColumn("provider_message_id", "text")
      .addColumn("verification_id", "text")
      .addColumn("state", "text", (c) => c.notNull())
      .addColumn("error_code", "text")
      .addColumn("attempts", "integer", (c) => c.notNull())
      .addColumn("unknown_attempts", "integer", (c) => c.notNull())
      .addColumn("charges", "text", (c) => c.notNull())
      .addColumn("created_at", "integer", (c) => c.notNull())
      .addColumn("updated_at", "integer", (c) => c.notNull())
      .addColumn("deliver_before", "integer", (c) => c.notNull())
      .addColumn("due_at", "integer")
      .modifyEnd(sql`without rowid`)
      .execute();
    await sql`create index messages_due on messages (lane, due_at) where due_at is not null`.execute(db);
    await db.schema.createIndex("messages_to").on("messages").columns(["to_address", "id"]).execute();

    await db.schema
      .createTable("sends")
      .addColumn("dimension", "text", (c) => c.notNull())
      .addColumn("key", "text", (c) => c.notNull())
      .addColumn("at", "integer", (c) => c.notNull())
      .addColumn("message_id", "text", (c) => c.notNull())
      .addColumn("channel", "text", (c) => c.notNull())
      .addColumn("released", "integer", (c) => c.notNull())
      .addPrimaryKeyConstraint("sends_pk", ["key", "dimension", "at", "message_id"])
      .modifyEnd(sql`without rowid`)
      .execute();
    await db.schema
      .createTable("send_buckets")
      .addColumn("dimension", "text", (c) => c.notNull())
      .addColumn("key", "text", (c) => c.notNull())
      .addColumn("start", "integer", (c) => c.notNull())
      .addColumn("count", "integer", (c) => c.notNull())
      .addPrimaryKeyConstraint("send_buckets_pk", ["dimension", "key", "start"])
      .modifyEnd(sql`without rowid`)
      .execute();

    await db.schema
      .createTable("idempotency")
      .addColumn("key", "text", (c) => c.primaryKey())
      .addColumn("request", "text", (c) => c.notNull())
      .addColumn("lease_until", "integer", (c) => c.notNull())
      .addColumn("status", "integer")
      .addColumn("body", "text")
      .addColumn("created_at", "integer", (c) => c.notNull())
      .modifyEnd(sql`without rowid`)
      .execute();

    await db.schema
      .createTable("events")
      .addColumn("seq", "integer", (c) => c.primaryKey().autoIncrement())
      .addColumn("at", "integer", (c) => c.notNull())
      .addColumn("tenant", "text", (c) => c.notNull())
      .addColumn("type", "text", (c) => c.notNull())
      .addColumn("entity_id", "text", (c) => c.notNull())
      .addColumn("message_id", "text")
      .addColumn("data", "text", (c) => c.notNull())
      .execute();
    await db.schema.createIndex("events_entity").on("events").columns(["entity_id", "seq"]).execute();

    await db.schema
      .createTable("contacts")
      .addColumn("tenant", "text", (c) => c.notNull())
      .addColumn("sub", "text", (c) => c.notNull())
      .addColumn("phone", "text")
      .addColumn("email", "text")
      .addColumn("name", "text")
      .addColumn("phone_verified_at", "integer")
      .addColumn("email_verified_at", "integer")
      .addColumn("was_put", "integer", (c) => c.notNull())
      .addColumn("claims_issued_at", "integer", (c) => c.notNull())
      .addColumn("updated_at", "integer", (c) => c.notNull())
      .addPrimaryKeyConstraint("contacts_pk", ["tenant", "sub"])
      .modifyEnd(sql`without rowid`)
      .execute();

    await db.schema
      .createTable("api_keys")
      .addColumn("fingerprint", "text", (c) => c.primaryKey())
      .addColumn("id", "text", (c) => c.notNull().unique())
      .addColumn("tenant", "text", (c) => c.notNull())
      .addColumn("name", "text", (c) => c.notNull())
      .addColumn("scopes", "text", (c) => c.notNull())
      .addColumn("created_at", "integer", (c) => c.notNull())
      .addColumn("revoked_at", "integer")
      .execute();

    await db.schema
      .createTable("pauses")
      .addColumn("lane", "text", (c) => c.notNull())
      .addColumn("country", "text", (c) => c.notNull())
      .addColumn("since", "integer", (c) => c.notNull())
      .addPrimaryKeyConstraint("pauses_pk", ["lane", "country"])
      .execute();

    await db.schema
      .createTable("inbox")
      .addColumn("seq", "integer", (c) => c.primaryKey().autoIncrement())
      .addColumn("id", "text", (c) => c.notNull())
      .addColumn("message_id", "text", (c) => c.notNull())
      .addColumn("channel", "text", (c) => c.notNull())
      .addColumn("to_address", "text", (c) => c.notNull())
      .addColumn("subject", "text")
      .addColumn("text", "text", (c) => c.notNull())
      .addColumn("html", "text")
      .addColumn("code", "text")
      .addColumn("at", "integer", (c) => c.notNull())
      .execute();
    await db.schema.createIndex("inbox_message").on("inbox").column("message_id").execute();
  },
};

/** Where the walks of the retention stopped. */
const sweeps: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable("sweeps")
      .addColumn("kind", "text", (c) => c.primaryKey())
      .addColumn("after", "text", (c) => c.notNull())
      .modifyEnd(sql`without rowid`)
      .execute();
  },
};

/** Several providers for a message, several channels for a verification, and webhooks. */
const routes: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .alterTable("messages")
      .addColumn("tried", "text", (c) => c.notNull().defaultTo("[]"))
      .execute();
    await db.schema
      .alterTable("verifications")
      .addColumn("fallback", "text", (c) => c.notNull().defaultTo(""))
      .execute();
    await db.schema.alterTable("verifications").addColumn("fallback_at", "integer").execute();
    await sql`create index verifications_fallback on verifications (fallback_at) where fallback_at is not null`.execute(
      db,
    );
    await db.schema
      .createTable("webhooks")
      .addColumn("id", "text", (c) => c.primaryKey())
      .addColumn("tenant", "text", (c) => c.notNull())
      .addColumn("url", "text", (c) => c.notNull())
      .addColumn("events", "text", (c) => c.notNull())
      .addColumn("description", "text", (c) => c.notNull())
      .addColumn("salt", "text", (c) => c.notNull())
      .addColumn("kid", "text", (c) => c.notNull())
      .addColumn("previous_salt", "text")
      .addColumn("previous_kid", "text")
      .addColumn("previous_until", "integer")
      .addColumn("disabled_at", "integer")
      .addColumn("disabled_reason", "text")
      .addColumn("last_success_at", "integer")
      .addColumn("after_seq", "integer", (c) => c.notNull())
      .addColumn("created_at", "integer", (c) => c.notNull())
      .modifyEnd(sql`without rowid`)
      .execute();
    await db.schema
      .createTable("webhook_deliveries")
      .addColumn("id", "text", (c) => c.primaryKey())
      .addColumn("tenant", "text", (c) => c.notNull())
      .addColumn("webhook_id", "text", (c) => c.notNull())
      .addColumn("seq", "integer", (c) => c.notNull())
      .addColumn("type", "text", (c) => c.notNull())
      .addColumn("at", "integer", (c) => c.notNull())
      .addColumn("data", "text", (c) => c.notNull())
      .addColumn("state", "text", (c) => c.notNull())
      .addColumn("attempts", "integer", (c) => c.notNull())
      .addColumn("round", "integer", (c) => c.notNull())
      .addColumn("due_at", "integer")
      .addColumn("response_status", "integer")
      .addColumn("duration_ms", "integer")
      .addColumn("error", "text")
      .addColumn("created_at", "integer", (c) => c.notNull())
      .addColumn("updated_at", "integer", (c) => c.notNull())
      .modifyEnd(sql`without rowid`)
      .execute();
    await sql`create index webhook_deliveries_due on webhook_deliveries (webhook_id, due_at, seq)
      where due_at is not null`.execute(db);
    await db.schema
      .createIndex("webhook_deliveries_log")
      .on("webhook_deliveries")
      .columns(["webhook_id", "id"])
      .execute();
  },
};

/** Who wants no messages. */
const optOuts: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable("opt_outs")
      .addColumn("address", "text", (c) => c.notNull())
      .addColumn("category", "text", (c) => c.notNull())
      .addColumn("since", "integer", (c) => c.notNull())
      .addColumn("source", "text", (c) => c.notNull())
      .addPrimaryKeyConstraint("opt_outs_pk", ["address", "category"])
      .modifyEnd(sql`without rowid`)
      .execute();
  },
};

/** In order; a released migration never changes. */
const MIGRATIONS: Readonly<Record<string, Migration>> = {
  "0001_initial": initial,
  "0002_sweeps": sweeps,
  "0003_routes": routes,
  "0004_opt_outs": optOuts,
};

/** Brings the schema up to date. */
export async function migrate(database: DatabaseSync): Promise<void> {
  const migrator = new Migrator({
    db: toKysely(database),
    provider: { getMigrations: () => Promise.resolve({ ...MIGRATIONS }) },
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}
