import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAuthClient, createGatewayClient, type GatewayClient } from "@mestore/sms-gateway-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Role } from "../../src/cli/local.ts";
import { ConfigError } from "../../src/config.ts";
import { type RunningGateway, serve } from "../../src/serve.ts";
import { findFreePort } from "../servers/free-port.ts";
import { freshDatabase, freshRedis } from "../servers/fresh.ts";
import type { TestDatabase } from "../servers/postgres.ts";
import { ask } from "./http.ts";
import { newPhone } from "./phones.ts";

const THROTTLED_ONCE = "+573005550011";

let folder: string;
let database: TestDatabase;
let redisUrl: string;
const running: RunningGateway[] = [];

/** One more process of the same gateway; in this one, on a port of its own. */
async function startOne(role: Role, env: Readonly<Record<string, string>> = {}): Promise<RunningGateway> {
  const settings = {
    PORT: "0",
    LOG_LEVEL: "silent",
    DATABASE_URL: database.url,
    REDIS_URL: redisUrl,
    OTP_COOLDOWN_SECONDS: "0",
    ...env,
  };
  const joined = await serve({ env: settings, cwd: folder }, { role });
  running.push(joined);
  return joined;
}

const clientOf = ({ url, secrets }: RunningGateway): GatewayClient =>
  createGatewayClient({ baseUrl: url, apiKey: secrets.developmentKey ?? "" });

function dataOf<Data>(result: { readonly ok: true; readonly data: Data } | { readonly ok: false }): Data {
  if (!result.ok) throw new Error(JSON.stringify(result));
  return result.data;
}

let [first, second, worker]: RunningGateway[] = [];
const processes = () => {
  if (first === undefined || second === undefined || worker === undefined) throw new Error("not started");
  return { first, second, worker };
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gateway-processes-"));
  [database, { url: redisUrl }] = await Promise.all([freshDatabase(), freshRedis()]);
  [first, second, worker] = await Promise.all([startOne("api"), startOne("api"), startOne("worker")]);
});
afterAll(async () => {
  await Promise.all(running.map(({ stop }) => stop()));
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

describe("several processes on one database", () => {
  it("check at one what was sent at the other, and count guesses together", async () => {
    const to = newPhone();
    const sent = dataOf(await clientOf(processes().first).startVerification({ to, channel: "sms" }));
    const other = clientOf(processes().second);
    const { code } = dataOf(await other.inbox.wait({ to, timeout: 5 }));
    const wrong = code === "000000" ? "111111" : "000000";
    expect(await clientOf(processes().first).checkVerification(sent.id, { code: wrong })).toMatchObject({
      error: { code: "code_incorrect", attemptsRemaining: 4 },
    });
    expect(await other.checkVerification(sent.id, { code: wrong })).toMatchObject({
      error: { attemptsRemaining: 3 },
    });
    expect(dataOf(await other.checkVerification(sent.id, { code: code ?? "" })).status).toBe("approved");
  });

  it("limit a number together", async () => {
    const to = newPhone();
    const statuses: number[] = [];
    for (const process of [first, second, first, second, first, second]) {
      if (process === undefined) throw new Error("not started");
      statuses.push((await clientOf(process).startVerification({ to, channel: "sms" })).status);
    }
    expect(statuses).toEqual([201, 201, 201, 201, 201, 429]);
  });

  it("leave notifications to the worker", async () => {
    const to = newPhone();
    const client = clientOf(processes().first);
    const { id } = dataOf(await client.sendMessage({ to, category: "transactional", text: "Hola" }));
    expect(dataOf(await client.inbox.wait({ to, timeout: 5 })).messageId).toBe(id);
  });

  it("tell the one who waits what came of an attempt that the worker made", async () => {
    const auth = createAuthClient({ baseUrl: processes().first.url });
    const sent = await auth.sendVerificationSms({ telefono: THROTTLED_ONCE });
    expect(sent).toMatchObject({ ok: true, status: 200, data: { verification_status: { has_active_otp: true } } });
    expect(sent.ok && sent.data.verification_status.delivery?.state).toBe("sent");
  });

  it("stop together when one is told to pause, and go on together", async () => {
    const client = clientOf(processes().first);
    const statusAtOther = async () =>
      (await clientOf(processes().second).startVerification({ to: newPhone(), channel: "sms" })).status;
    dataOf(await client.pause({ lane: "otp" }));
    await expect.poll(statusAtOther, { timeout: 1_500 }).toBe(503);
    dataOf(await client.resume());
    await expect.poll(statusAtOther, { timeout: 1_500 }).toBe(201);
  });

  it("let a worker answer for its health and nothing else", async () => {
    const { url, secrets } = processes().worker;
    const headers = { authorization: `Bearer ${secrets.developmentKey}` };
    expect((await ask(url, "GET /livez")).status).toBe(200);
    expect((await ask(url, "GET /readyz")).status).toBe(200);
    for (const line of ["GET /v1/status", "GET /v1/inbox", "GET /", "GET /docs", "POST /v1/verifications"]) {
      expect((await ask(url, line, { headers })).status, line).toBe(404);
    }
  });

  it("finish what they have begun when they are told to stop, and are not ready first", async () => {
    const leaving = await startOne("api", { ENVIRONMENT: "test" });
    const to = newPhone();
    const sending = createAuthClient({ baseUrl: leaving.url }).sendVerificationSms({ telefono: to });
    await new Promise((resolve) => setTimeout(resolve, 5));
    const stopping = leaving.stop();
    running.splice(running.indexOf(leaving), 1);
    expect((await sending).status).toBe(200);
    await stopping;
    await expect(fetch(`${leaving.url}/livez`)).rejects.toThrow();
  });
});

describe("a process that cannot start", () => {
  const start = async (env: Readonly<Record<string, string>>, role: Role = "all"): Promise<string> => {
    try {
      await (await serve({ env: { PORT: "0", LOG_LEVEL: "silent", ...env }, cwd: folder }, { role })).stop();
    } catch (error) {
      if (error instanceof ConfigError) return error.message;
      throw error;
    }
    throw new Error("it started");
  };

  it("names DATABASE_URL when the server is out of reach, and not its password", async () => {
    const port = await findFreePort();
    const message = await start({ DATABASE_URL: `postgres://gw:s3cret@127.0.0.1:${port}/shop` });
    expect(message).toContain(`DATABASE_URL: PostgreSQL 127.0.0.1:${port}/shop is out of reach (ECONNREFUSED)`);
    expect(message).not.toContain("s3cret");
  });

  it("names DATABASE_URL when the password is wrong", async () => {
    const wrong = new URL(database.url);
    wrong.password = "s3cret";
    const message = await start({ DATABASE_URL: wrong.href });
    expect(message).toMatch(/DATABASE_URL: .*password authentication failed|28P01/);
    expect(message).not.toContain("s3cret");
  });

  it.each(["api", "worker"] as const)("says that one process serves a file, as all and not as %s", async (role) => {
    expect(await start({ DATABASE_URL: "sqlite:./own.db" }, role)).toContain(`--role ${role} needs postgres://`);
  });

  it("starts without Redis, sends nothing until it is there, and checks what was sent", async () => {
    const port = await findFreePort();
    const alone = await startOne("all", { REDIS_URL: `redis://127.0.0.1:${port}` });
    const answer = await ask(alone.url, "POST /api/v1/auth/send-verification-sms", { body: { telefono: newPhone() } });
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("1");
    expect((await ask(alone.url, "GET /readyz")).status).toBe(200);
    const to = newPhone();
    const sent = dataOf(await clientOf(processes().first).startVerification({ to, channel: "sms" }));
    const { code } = dataOf(await clientOf(processes().first).inbox.wait({ to, timeout: 5 }));
    const checked = await clientOf(alone).checkVerification(sent.id, { code: code ?? "" });
    expect(dataOf(checked).status).toBe("approved");
  });
});
