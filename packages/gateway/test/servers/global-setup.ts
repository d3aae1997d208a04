import { once } from "node:events";
import { createServer } from "node:http";
import type { TestProject } from "vitest/node";
import { type PostgresServer, startPostgres } from "./postgres.ts";
import { type RedisServer, startRedis } from "./redis.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Where `fresh.ts` asks for the servers that all test files share. */
    readonly sharedServersUrl: string;
  }
}

/** More than the tests of one run ask for. An empty one costs Redis less than a kilobyte. */
const REDIS_DATABASES = 10_000;

/**
 * Keeps one PostgreSQL and one Redis for a whole run. Each starts when a test file first asks for it, so that a run of pure rules
 * waits for neither.
 *
 * Test files run in processes of their own; they ask this one over HTTP, and it alone counts, so no two get the same.
 */
export async function setup({ vitest }: TestProject): Promise<(() => Promise<void>) | undefined> {
  // Vitest calls this once for each project, one after the other; what the root provides, all of them see.
  const root = vitest.getRootProject();
  if (root.getProvidedContext().sharedServersUrl !== undefined) return undefined;

  let postgres: Promise<PostgresServer> | undefined;
  let redis: Promise<RedisServer> | undefined;
  let redisDatabases = 0;

  const answer = async (path: string): Promise<string> => {
    if (path === "/postgres") {
      postgres ??= startPostgres();
      return (await postgres).url;
    }
    if (path === "/redis") {
      redisDatabases += 1;
      if (redisDatabases >= REDIS_DATABASES) throw new Error("every database of the shared Redis is taken");
      const number = redisDatabases;
      redis ??= startRedis({ args: ["--databases", String(REDIS_DATABASES)] });
      return `${(await redis).url}/${number}`;
    }
    throw new Error(`no server answers to ${path}`);
  };

  const server = createServer((request, response) => {
    answer(request.url ?? "").then(
      (url) => response.end(url),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  root.provide("sharedServersUrl", `http://127.0.0.1:${address.port}`);

  return async () => {
    server.closeAllConnections();
    server.close();
    // One that could not start has told the tests already.
    const started = await Promise.allSettled([postgres, redis]);
    await Promise.all(started.map((start) => (start.status === "fulfilled" ? start.value?.stop() : undefined)));
  };
}
