import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { Client, type QueryResultRow } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PostgresServer, startPostgres } from "./postgres.ts";
import { childrenOf, isRunning } from "./processes.ts";

async function query(url: string, statement: string): Promise<readonly QueryResultRow[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<QueryResultRow>(statement)).rows;
  } finally {
    await client.end();
  }
}

describe("a PostgreSQL of the tests", () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres({ settings: { max_connections: "30" } });
  });
  afterAll(() => server.stop());

  it("commits durably, takes the settings it is given, and gives its user no more than he needs", async () => {
    const [found] = await query(
      server.url,
      `SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commits,
              current_setting('max_connections') AS connections, current_setting('is_superuser') AS superuser`,
    );
    expect(found).toEqual({ fsync: "on", commits: "on", connections: "30", superuser: "off" });
  });

  it("creates databases that know nothing of each other", async () => {
    const [one, two] = await Promise.all([server.createDatabase(), server.createDatabase()]);
    await query(one.url, "CREATE TABLE notes (text text)");
    await expect(query(one.url, "SELECT * FROM notes")).resolves.toEqual([]);
    await expect(query(two.url, "SELECT * FROM notes")).rejects.toMatchObject({ code: "42P01" });
    await Promise.all([one.drop(), two.drop()]);
    await expect(query(one.url, "SELECT 1")).rejects.toMatchObject({ code: "3D000" });
  });

  it("comes back from a crash on the same port with what was committed", async () => {
    const { url } = await server.createDatabase();
    await query(url, "CREATE TABLE notes (text text)");
    await query(url, "INSERT INTO notes VALUES ('kept')");
    const pids = [server.pid, ...childrenOf(server.pid)];
    await server.kill();
    expect(pids.filter(isRunning)).toEqual([]);
    await expect(query(url, "SELECT 1")).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await server.start();
    expect(await query(url, "SELECT text FROM notes")).toEqual([{ text: "kept" }]);
  });
});

describe("the end of a PostgreSQL of the tests", () => {
  it("leaves no process and no folder after stop", async () => {
    const server = await startPostgres();
    const pids = [server.pid, ...childrenOf(server.pid)];
    expect(pids.length).toBeGreaterThan(1);
    await server.stop();
    expect(pids.filter(isRunning)).toEqual([]);
    expect(existsSync(dirname(server.dataFolder))).toBe(false);
  });

  it("leaves no process and no folder when who started it is killed", async () => {
    const script = `
      import { startPostgres } from "${new URL("./postgres.ts", import.meta.url).href}";
      const { pid, dataFolder } = await startPostgres();
      process.stdout.write(JSON.stringify({ pid, dataFolder }) + "\\n");
      setInterval(() => undefined, 1000);`;
    const owner = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [said] = await once(owner.stdout, "data");
    const { pid, dataFolder }: { pid: number; dataFolder: string } = JSON.parse(String(said));
    expect(isRunning(pid)).toBe(true);
    owner.kill("SIGKILL");
    await expect.poll(() => isRunning(pid), { timeout: 10_000 }).toBe(false);
    await expect.poll(() => existsSync(dirname(dataFolder)), { timeout: 10_000 }).toBe(false);
  });
});
