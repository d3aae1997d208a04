import { Kysely, PostgresDialect, sql } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import { openMigrationPool } from "./connection.ts";

/**
 * Instants are epoch milliseconds. Tables whose rows change leave room on their pages, so that a change that touches
 * no index stays on its page (HOT).
 *
 * A released migration never changes, and each leaves a schema that the version before can work with: columns come
 * with a default, and go one version after the last code that read them.
 */
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
      .addColumn("salt", "bytea", (c) => c.notNull())
      .addColumn("kid", "text", (c) => c.notNull())
      .addColumn("code_length", "integer", (c) => c.notNull())
      .addColumn("attempts", "integer", (c) => c.notNull())
      .addColumn("max_attempts", "integer", (c) => c.notNull())
      .addColumn("sends", "integer", (c) => c.notNull())
      .addColumn("locale", "text", (c) => c.notNull())
      .addColumn("last_message_id", "text", (c) => c.notNull())
      .addColumn("created_at", "bigint", (c) => c.notNull())
      .addColumn("expires_at", "bigint", (c) => c.notNull())
      .addColumn("ended_at", "bigint")
      .modifyEnd(sql`with (fillfactor = 80)`)
      .execute();
    await db.schema
      .createIndex("verifications_address")
      .on("verifications")
      .columns(["address", "tenant", "purpose", "subject", "id"])
      .execute();
    // Whoever writes holds the lock of the address; this is what would say so if somebody did not.
    await sql`create unique index verifications_live on verifications (address, tenant, purpose, subject)
      where status = 'pending'`.execute(db);

    await db.schema
      .createTable("guesses")
      .addColumn("address", "text", (c) => c.notNull())
      .addColumn("at", "bigint", (c) => c.notNull())
      .addColumn("verification_id", "text", (c) => c.notNull())
      .addColumn("attempt", "integer", (c) => c.notNull())
      .addColumn("scope", "text", (c) => c.notNull())
      .addPrimaryKeyConstraint("guesses_pk", ["address", "at", "verification_id", "attempt"])
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
      .addColumn("charges", "json", (c) => c.notNull())
      .addColumn("created_at", "bigint", (c) => c.notNull())
      .addColumn("updated_at", "bigint", (c) => c.notNull())
      .addColumn("deliver_before", "bigint", (c) => c.notNull())
      .addColumn("due_at", "bigint")
      .modifyEnd(sql`with (fillfactor = 80)`)
      .execute();
    await sql`create index messages_due on messages (lane, due_at) where due_at is not null`.execute(db);
    await db.schema.createIndex("messages_to").on("messages").columns(["to_address", "id"]).execute();

    await db.schema
      .createTable("sends")
      .addColumn("dimension", "text", (c) => c.notNull())
      .addColumn("key", "text", (c) => c.notNull())
      .addColumn("at", "bigint", (c) => c.notNull())
      .addColumn("message_id", "text", (c) => c.notNull())
      .addColumn("channel", "text", (c) => c.notNull())
      .addColumn("released", "boolean", (c) => c.notNull())
      .addPrimaryKeyConstraint("sends_pk", ["key", "dimension", "at", "message_id"])
      .execute();
    await db.schema
      .createTable("send_buckets")
      .addColumn("dimension", "text", (c) => c.notNull())
      .addColumn("key", "text", (c) => c.notNull())
      .addColumn("start", "bigint", (c) => c.notNull())
      .addColumn("count", "integer", (c) => c.notNull())
      .addPrimaryKeyConstraint("send_buckets_pk", ["dimension", "key", "start"])
      .execute();

    await db.schema
      .createTable("idempotency")
      .addColumn("key", "text", (c) => c.primaryKey())
      .addColumn("request", "text", (c) => c.notNull())
      .addColumn("lease_until", "bigint", (c) => c.notNull())
      .addColumn("status", "integer")
      .addColumn("body", "text")
      .addColumn("created_at", "bigint", (c) => c.notNull())
      .execute();

    await db.schema
      .createTable("events")
      .addColumn("seq", "bigint", (c) => c.primaryKey().generatedAlwaysAsIdentity())
      .addColumn("at", "bigint", (c) => c.notNull())
      .addColumn("tenant", "text", (c) => c.notNull())
      .addColumn("type", "text", (c) => c.notNull())
      .addColumn("entity_id", "text", (c) => c.notNull())
      .addColumn("message_id", "text")
      .addColumn("data", "json", (c) => c.notNull())
      .execute();
    await db.schema.createIndex("events_entity").on("events").columns(["entity_id", "seq"]).execute();

    await db.schema
      .createTable("contacts")
      .addColumn("tenant", "text", (c) => c.notNull())
      .addColumn("sub", "text", (c) => c.notNull())
      .addColumn("phone", "text")
      .addColumn("email", "text")
      .addColumn("name", "text")
      .addColumn("phone_verified_at", "bigint")
      .addColumn("email_verified_at", "bigint")
      .addColumn("was_put", "boolean", (c) => c.notNull())
      .addColumn("claims_issued_at", "bigint", (c) => c.notNull())
      .addColumn("updated_at", "bigint", (c) => c.notNull())
      .addPrimaryKeyConstraint("contacts_pk", ["tenant", "sub"])
      .execute();

    await db.schema
      .createTable("api_keys")
      .addColumn("fingerprint", "text", (c) => c.primaryKey())
      .addColumn("id", "text", (c) => c.notNull().unique())
      .addColumn("tenant", "text", (c) => c.notNull())
      .addColumn("name", "text", (c) => c.notNull())
      .addColumn("scopes", "text", (c) => c.notNull())
      .addColumn("created_at", "bigint", (c) => c.notNull())
      .addColumn("revoked_at", "bigint")
      .execute();

    await db.schema
      .createTable("pauses")
      .addColumn("lane", "text", (c) => c.notNull())
      .addColumn("country", "text", (c) => c.notNull())
      .addColumn("since", "bigint", (c) => c.notNull())
      .addPrimaryKeyConstraint("pauses_pk", ["lane", "country"])
      .execute();

    await db.schema
      .createTable("inbox")
      .addColumn("seq", "bigint", (c) => c.primaryKey().generatedAlwaysAsIdentity())
      .addColumn("id", "text", (c) => c.notNull())
      .addColumn("message_id", "text", (c) => c.notNull())
      .addColumn("channel", "text", (c) => c.notNull())
      .addColumn("to_address", "text", (c) => c.notNull())
      .addColumn("subject", "text")
      .addColumn("text", "text", (c) => c.notNull())
      .addColumn("html", "text")
      .addColumn("code", "text")
      .addColumn("at", "bigint", (c) => c.notNull())
      .execute();
    await db.schema.createIndex("inbox_message").on("inbox").column("message_id").execute();

    await db.schema
      .createTable("sweeps")
      .addColumn("kind", "text", (c) => c.primaryKey())
      .addColumn("after", "text", (c) => c.notNull())
      .execute();
  },
};

/** Several providers for a message, several channels for a verification, and webhooks. */
const routes: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .alterTable("messages")
      .addColumn("tried", "json", (c) => c.notNull().defaultTo("[]"))
      .execute();
    await db.schema
      .alterTable("verifications")
      .addColumn("fallback", "text", (c) => c.notNull().defaultTo(""))
      .addColumn("fallback_at", "bigint")
      .execute();
    await sql`create index verifications_fallback on verifications (fallback_at) where fallback_at is not null`.execute(
      db,
    );
    await db.schema
      .createTable("webhooks")
      .addColumn("id", "text", (c) => c.primaryKey())
      .addColumn("tenant", "text", (c) => c.notNull())
      .addColumn("url", "text", (c) => c.notNull())
      .addColumn("events", "json", (c) => c.notNull())
      .addColumn("description", "text", (c) => c.notNull())
      .addColumn("salt", "text", (c) => c.notNull())
      .addColumn("kid", "text", (c) => c.notNull())
      .addColumn("previous_salt", "text")
      .addColumn("previous_kid", "text")
      .addColumn("previous_until", "bigint")
      .addColumn("disabled_at", "bigint")
      .addColumn("disabled_reason", "text")
      .addColumn("last_success_at", "bigint")
      .addColumn("after_seq", "bigint", (c) => c.notNull())
      .addColumn("created_at", "bigint", (c) => c.notNull())
      .execute();
    await db.schema
      .createTable("webhook_deliveries")
      .addColumn("id", "text", (c) => c.primaryKey())
      .addColumn("tenant", "text", (c) => c.notNull())
      .addColumn("webhook_id", "text", (c) => c.notNull())
      .addColumn("seq", "bigint", (c) => c.notNull())
      .addColumn("type", "text", (c) => c.notNull())
      .addColumn("at", "bigint", (c) => c.notNull())
      .addColumn("data", "json", (c) => c.notNull())
      .addColumn("state", "text", (c) => c.notNull())
      .addColumn("attempts", "integer", (c) => c.notNull())
      .addColumn("round", "integer", (c) => c.notNull())
      .addColumn("due_at", "bigint")
      .addColumn("response_status", "integer")
      .addColumn("duration_ms", "integer")
      .addColumn("error", "text")
      .addColumn("created_at", "bigint", (c) => c.notNull())
      .addColumn("updated_at", "bigint", (c) => c.notNull())
      .modifyEnd(sql`with (fillfactor = 80)`)
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
      .addColumn("since", "bigint", (c) => c.notNull())
      .addColumn("source", "text", (c) => c.notNull())
      .addPrimaryKeyConstraint("opt_outs_pk", ["address", "category"])
      .execute();
  },
};

/** In order. */
const MIGRATIONS: Readonly<Record<string, Migration>> = {
  "0001_initial": initial,
  "0002_routes": routes,
  "0003_opt_outs": optOuts,
};

const nothing: Migration = { up: () => Promise.resolve() };

/** Migrations that a newer version has applied already: it promised that this one can go on working. */
async function namesApplied(db: Kysely<unknown>): Promise<readonly string[]> {
  const { rows } = await sql<{ exists: boolean }>`select to_regclass('kysely_migration') is not null as exists`.execute(
    db,
  );
  if (rows[0]?.exists !== true) return [];
  const applied = await sql<{ name: string }>`select name from kysely_migration`.execute(db);
  return applied.rows.map(({ name }) => name);
}

/**
 * Brings the schema up to date; of several processes that start at once, one does it. A schema that is newer than this
 * version is left alone.
 */
export async function migrate(url: string): Promise<void> {
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: openMigrationPool(url) }) });
  try {
    await migrateToLatest(db);
  } finally {
    await db.destroy();
  }
}

async function migrateToLatest(db: Kysely<unknown>): Promise<void> {
  const newer = (await namesApplied(db)).filter((name) => !(name in MIGRATIONS));
  const known = { ...MIGRATIONS, ...Object.fromEntries(newer.map((name) => [name, nothing])) };
  const { error } = await new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve(known) },
  }).migrateToLatest();
  if (error !== undefined) throw error;
}
