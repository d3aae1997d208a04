import { Redis } from "ioredis";
import { Client } from "pg";
import { describe, expect, it } from "vitest";
import { freshDatabase, freshRedis } from "./fresh.ts";

async function countTables(url: string): Promise<number> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query("CREATE TABLE mine (text text)");
  const { rowCount } = await client.query("SELECT 1 FROM pg_tables WHERE schemaname = 'public'");
  await client.end();
  return rowCount ?? 0;
}

async function countKeys(url: string): Promise<number> {
  const redis = new Redis(url);
  await redis.set("mine", "1");
  const count = await redis.dbsize();
  await redis.quit();
  return count;
}

describe("what the test files share", () => {
  it("gives each who asks an empty database on one PostgreSQL", async () => {
    const databases = await Promise.all([freshDatabase(), freshDatabase()]);
    expect(new Set(databases.map(({ url }) => new URL(url).host)).size).toBe(1);
    for (const { url } of databases) expect(await countTables(url)).toBe(1);
    await Promise.all(databases.map(({ drop }) => drop()));
  });

  it("gives each who asks an empty database on one Redis", async () => {
    const databases = await Promise.all([freshRedis(), freshRedis()]);
    expect(new Set(databases.map(({ url }) => new URL(url).host)).size).toBe(1);
    for (const { url } of databases) expect(await countKeys(url)).toBe(1);
  });
});
