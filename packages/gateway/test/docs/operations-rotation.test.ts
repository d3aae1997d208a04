import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { newPhone } from "../e2e/phones.ts";
import { freshDatabase } from "../servers/fresh.ts";
import { startPostgres } from "../servers/postgres.ts";
import { startRedis } from "../servers/redis.ts";
import { readDoc, readTable } from "./markdown.ts";
import {
  checkCode,
  createOperatorMachine,
  expectReady,
  makeSecrets,
  type OperatorMachine,
  randomSecret,
  type Served,
  sendCode,
  stepsUnder,
} from "./operator.ts";

const TEST_MS = 60_000;
/** What the document says a revoked key has left, and a moment for the clock of this test. */
const REVOKED_WITHIN_MS = 5_500;

/** The two variables of each step of the table, as a process has them. */
function readSteps(secrets: Readonly<Record<string, string>>): readonly Readonly<Record<string, string>>[] {
  const toValue = (cell = ""): string => {
    const value = secrets[cell];
    if (cell !== "" && value === undefined) throw new Error(`no secret is called ${cell}`);
    return value ?? "";
  };
  return readTable(readDoc("docs/operations.md"), "step").map(([, secret, previous]) => ({
    OTP_SECRET: toValue(secret),
    OTP_SECRET_PREVIOUS: toValue(previous),
  }));
}

/** A code of each verifies at the other. */
async function expectToUnderstandEachOther(one: Served, other: Served): Promise<void> {
  expect(await checkCode(other, await sendCode(one, newPhone()))).toBe("approved");
  expect(await checkCode(one, await sendCode(other, newPhone()))).toBe("approved");
}

describe("rotation of docs/operations.md", () => {
  const machines: OperatorMachine[] = [];
  const newMachine = (): OperatorMachine => {
    const machine = createOperatorMachine();
    machines.push(machine);
    return machine;
  };
  afterEach(async () => {
    await Promise.all(machines.splice(0).map((machine) => machine.remove()));
  });

  it(
    "OTP_SECRET: processes of neighbouring steps share one database and every code",
    async () => {
      const machine = newMachine();
      const database = await freshDatabase();
      const steps = readSteps({ old: randomSecret(), new: randomSecret() });
      expect(steps).toHaveLength(4);
      const running: Served[] = [];
      for (const step of steps) {
        running.push(await machine.start({ ...step, DATABASE_URL: database.url }, { role: "api" }));
      }
      const [before, first, second, third] = running;
      if (before === undefined || first === undefined || second === undefined || third === undefined) {
        throw new Error("four steps have four processes");
      }
      await expectToUnderstandEachOther(before, first);
      await expectToUnderstandEachOther(first, second);
      const old = await sendCode(first, newPhone());
      expect(await checkCode(second, old)).toBe("approved");
      // Codes of the old secret have expired by then; those of the new one verify in both.
      expect(await checkCode(second, await sendCode(third, newPhone()))).toBe("approved");
      expect(await checkCode(third, await sendCode(second, newPhone()))).toBe("approved");
      // Why step 1 is there: whoever skips it has right codes refused, uncounted, until the process is told.
      expect(await checkCode(before, await sendCode(second, newPhone()))).toBe("service_unavailable");
      await Promise.all(running.map(({ stop }) => stop()));
      await database.drop();
    },
    TEST_MS,
  );

  it("OTP_SECRET: a single process goes to step 2 at once, and an old code verifies", async () => {
    const machine = newMachine();
    const [before, , second] = readSteps({ old: randomSecret(), new: randomSecret() });
    const env = { ...makeSecrets(), DATABASE_URL: "sqlite:./data/gateway.db" };
    const old = await machine.start({ ...env, ...before });
    const live = await sendCode(old, newPhone());
    await old.stop();
    const fresh = await machine.start({ ...env, ...second });
    expect(await checkCode(fresh, live)).toBe("approved");
    expect(await checkCode(fresh, await sendCode(fresh, newPhone()))).toBe("approved");
  });

  it(
    "API keys: both work side by side, and a revoked one stops in every process",
    async () => {
      const [create = "", revoke = ""] = stepsUnder("API keys");
      const machine = newMachine();
      const database = await freshDatabase();
      const env = { ...makeSecrets(), DATABASE_URL: database.url };
      const gateways = [await machine.start(env, { role: "api" }), await machine.start(env, { role: "api" })];
      const readKey = (printed: string): string => /sk_[\w-]+/.exec(printed)?.[0] ?? "";
      const scopes = "--scopes send,verify,read";
      const oldKey = readKey(await machine.run(`sms-gateway keys create --name shop ${scopes}`, env));
      const newKey = readKey(await machine.run(create, env));
      const askAll = (key: string): Promise<readonly number[]> =>
        Promise.all(gateways.map(async ({ callAs }) => (await callAs(key).listMessages()).status));
      expect(await askAll(oldKey)).toEqual([200, 200]);
      expect(await askAll(newKey)).toEqual([200, 200]);
      await machine.run(revoke, env);
      const revokedAt = performance.now();
      await vi.waitFor(async () => expect(await askAll(oldKey)).toEqual([401, 401]), {
        timeout: REVOKED_WITHIN_MS,
        interval: 50,
      });
      expect(performance.now() - revokedAt).toBeLessThan(REVOKED_WITHIN_MS);
      expect(await askAll(newKey)).toEqual([200, 200]);
      await Promise.all(gateways.map(({ stop }) => stop()));
      await database.drop();
    },
    TEST_MS,
  );

  it(
    "the password of PostgreSQL: two logins, one set of tables",
    async () => {
      const [add = "", close = ""] = stepsUnder("Database password");
      const machine = newMachine();
      const server = await startPostgres();
      const secrets = makeSecrets();
      const oldUrl = server.url;
      const newUrl = Object.assign(new URL(oldUrl), { username: "gateway_b", password: "the-new-password" }).href;
      try {
        const old = await machine.start({ ...secrets, DATABASE_URL: oldUrl });
        await machine.run(add, { ADMIN_URL: server.adminUrl });
        const fresh = await machine.start({ ...secrets, DATABASE_URL: newUrl });
        await expectToUnderstandEachOther(old, fresh);
        await old.stop();
        await machine.run(close, { ADMIN_URL: server.adminUrl });
        await expect(machine.start({ ...secrets, DATABASE_URL: oldUrl })).rejects.toThrow("DATABASE_URL");
        await expectToUnderstandEachOther(fresh, await machine.start({ ...secrets, DATABASE_URL: newUrl }));
        const owner = `psql "$URL" --tuples-only --no-align --command "create table newer (id text); select tableowner from pg_tables where tablename = 'newer'"`;
        expect(await machine.run(owner, { URL: newUrl })).toContain("\ngateway\n");
      } finally {
        await machine.remove();
        await server.stop();
      }
    },
    TEST_MS,
  );

  it(
    "the password of Redis: two at a time",
    async () => {
      const [add = "", close = ""] = stepsUnder("Redis password");
      const machine = newMachine();
      const database = await freshDatabase();
      const redis = await startRedis({ args: ["--requirepass", "the-old-password"] });
      const urlWith = (password: string): string => redis.url.replace("redis://", `redis://default:${password}@`);
      const [oldUrl, newUrl] = [urlWith("the-old-password"), urlWith("the-new-password")];
      const env = { ...makeSecrets(), DATABASE_URL: database.url };
      const old = await machine.start({ ...env, REDIS_URL: oldUrl });
      await machine.run(add, { REDIS_URL: oldUrl });
      const fresh = await machine.start({ ...env, REDIS_URL: newUrl });
      await expectToUnderstandEachOther(old, fresh);
      await old.stop();
      await machine.run(close, { NEW_REDIS_URL: newUrl });
      await expectReady(fresh);
      const late = await machine.start({ ...env, REDIS_URL: oldUrl });
      expect(await late.client.startVerification({ to: newPhone(), channel: "sms" })).toMatchObject({ status: 503 });
      await expectToUnderstandEachOther(fresh, await machine.start({ ...env, REDIS_URL: newUrl }));
      await machine.remove();
      await Promise.all([database.drop(), redis.stop()]);
    },
    TEST_MS,
  );

  it("PROOF_PRIVATE_KEY: the key set has the current key alone, as the document says", async () => {
    const machine = newMachine();
    const env = { DATABASE_URL: "sqlite:./data/gateway.db" };
    const readKids = async ({ running }: Served): Promise<readonly string[]> => {
      const { keys } = (await (await fetch(`${running.url}/.well-known/jwks.json`)).json()) as {
        readonly keys: readonly { readonly kid: string }[];
      };
      return keys.map(({ kid }) => kid);
    };
    const old = await machine.start({ ...env, ...makeSecrets() });
    const oldKids = await readKids(old);
    await old.stop();
    const newKids = await readKids(await machine.start({ ...env, ...makeSecrets() }));
    expect([oldKids.length, newKids.length]).toEqual([1, 1]);
    expect(newKids).not.toEqual(oldKids);
    expect(readFileSync(join(machine.folder, "data/secrets.json"), "utf8")).not.toContain(newKids[0]);
  });
});
