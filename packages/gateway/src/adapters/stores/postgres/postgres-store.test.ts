import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { storeContract } from "../../../../test/contracts/store.ts";
import { start, times } from "../../../../test/contracts/store-fixtures.ts";
import { freshDatabase } from "../../../../test/servers/fresh.ts";
import type { TestDatabase } from "../../../../test/servers/postgres.ts";
import { createPostgresStore } from "./postgres-store.ts";

let database: TestDatabase;
let admin: Client;
beforeAll(async () => {
  database = await freshDatabase();
  admin = new Client({ connectionString: database.url });
  await admin.connect();
  await (await createPostgresStore({ url: database.url })).close();
});
afterAll(async () => {
  await admin.end();
  await database.drop();
});

/** Empties every table and begins the sequences again: much faster than a database for each test. */
async function emptyDatabase(): Promise<void> {
  const { rows } = await admin.query<{ name: string }>(
    "select quote_ident(tablename) as name from pg_tables where schemaname = 'public' and tablename not like 'kysely%'",
  );
  await admin.query(`truncate ${rows.map(({ name }) => name).join(", ")} restart identity`);
}

const openEmpty = async () => {
  await emptyDatabase();
  return createPostgresStore({ url: database.url });
};

storeContract("postgres", openEmpty);
