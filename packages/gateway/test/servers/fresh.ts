import { inject } from "vitest";
import { createDatabase, type TestDatabase } from "./postgres.ts";

async function askFor(server: "postgres" | "redis"): Promise<string> {
  const response = await fetch(new URL(server, inject("sharedServersUrl")));
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text;
}

/** Creates an empty database of its own on the PostgreSQL that the test files of a run share. */
export async function freshDatabase(): Promise<TestDatabase> {
  return createDatabase(await askFor("postgres"));
}

/**
 * An empty logical database (`redis://host:port/<number>`) of the Redis that the test files of a run share; nobody else gets it.
 *
 * Channels, settings, scripts and `FLUSHALL` know no databases: a test about those calls `startRedis`.
 */
export async function freshRedis(): Promise<{ readonly url: string }> {
  return { url: await askFor("redis") };
}
