import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, describe, expect, it } from "vitest";
import { newPhone, wrongCode } from "../e2e/phones.ts";
import { freshDatabase } from "../servers/fresh.ts";
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

/** What a backup must bring back. */
interface Kept {
  readonly phone: string;
  readonly live: { readonly id: string; readonly code: string };
  readonly used: { readonly id: string; readonly code: string };
  readonly apiKey: string;
}

/** Sends, guesses wrong, verifies, makes a contact and an API key. */
async function fill(machine: OperatorMachine, gateway: Served, env: Readonly<Record<string, string>>): Promise<Kept> {
  const [phone, other] = [newPhone(), newPhone()];
  const live = await sendCode(gateway, phone);
  expect(await checkCode(gateway, { ...live, code: wrongCode(live.code) })).toBe("code_incorrect");
  const used = await sendCode(gateway, other);
  expect(await checkCode(gateway, used)).toBe("approved");
  expect((await gateway.client.putContact("ana", { phone, name: "Ana" })).ok).toBe(true);
  const made = await machine.run("sms-gateway keys create --name shop --scopes send,verify,read,operate --json", env);
  return { phone, live, used, apiKey: (JSON.parse(made) as { readonly key: string }).key };
}

/** What happens after the backup, and is lost. */
async function goOn(gateway: Served): Promise<{ readonly phone: string; readonly id: string; readonly code: string }> {
  const phone = newPhone();
  const lost = await sendCode(gateway, phone);
  expect((await gateway.client.putContact("late", { phone })).ok).toBe(true);
  return { phone, ...lost };
}

async function expectKept(gateway: Served, { phone, live, used, apiKey }: Kept): Promise<void> {
  const client = gateway.callAs(apiKey);
  const caller = { client };
  expect(await client.getContact("ana")).toMatchObject({ ok: true, data: { phone, name: "Ana" } });
  const limits = await client.getLimits(phone);
  expect(limits).toMatchObject({ ok: true, data: { failedGuesses: { count: 1 } } });
  expect(limits.ok && limits.data.retryAfterSeconds).toBeGreaterThan(0);
  expect(limits.ok && limits.data.windows.map(({ count }) => count)).toEqual([1, 1]);
  const again = await client.startVerification({ to: phone, channel: "sms" });
  expect(again).toMatchObject({ ok: false, status: 429, error: { code: "cooldown" } });
  expect(await checkCode(caller, used)).toBe("no_active_code");
  expect(await checkCode(caller, { ...live, code: wrongCode(live.code) })).toBe("code_incorrect");
  expect(await checkCode(caller, live)).toBe("approved");
}

async function expectLost(gateway: Served, lost: Awaited<ReturnType<typeof goOn>>): Promise<void> {
  expect(await checkCode(gateway, lost)).toBe("not_found");
  expect(await gateway.client.getContact("late")).toMatchObject({ ok: false, status: 404 });
  expect(await gateway.client.getLimits(lost.phone)).toMatchObject({ ok: true, data: { retryAfterSeconds: 0 } });
}

/** Notifications wait for a person; codes do not. */
async function expectPaused({ client }: Served): Promise<void> {
  expect(await client.listPauses()).toMatchObject({ data: { pauses: [{ lane: "notification", country: null }] } });
  const note = await client.sendMessage({ to: newPhone(), category: "transactional", text: "Hola" });
  expect(note).toMatchObject({ ok: false, status: 503, error: { code: "sms_disabled" } });
}

describe("backup and restore of docs/operations.md", () => {
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
    "brings a SQLite file back that was copied while the gateway ran",
    async () => {
      const [backUp = "", restore = ""] = stepsUnder("SQLite");
      const machine = newMachine();
      const env = { ...makeSecrets(), DATABASE_URL: "sqlite:./data/gateway.db" };
      const before = await machine.start(env);
      const kept = await fill(machine, before, env);
      await machine.run(backUp);
      const lost = await goOn(before);
      await before.stop();
      // The old files are there, and useless.
      for (const name of ["gateway.db", "gateway.db-wal"]) {
        writeFileSync(join(machine.folder, "data", name), "not a database any more");
      }
      await expect(machine.start(env)).rejects.toThrow();
      await machine.run(restore);

      const after = await machine.start(env);
      await expectReady(after);
      await expectPaused(after);
      await expectLost(after, lost);
      await expectKept(after, kept);
      await machine.run("sms-gateway resume", { ...env, GATEWAY_URL: after.running.url });
      expect(await after.client.listPauses()).toMatchObject({ data: { pauses: [] } });
    },
    TEST_MS,
  );

  it(
    "copies a SQLite file whole while many write",
    async () => {
      const [backUp = ""] = stepsUnder("SQLite");
      const machine = newMachine();
      const gateway = await machine.start({ DATABASE_URL: "sqlite:./data/gateway.db" });
      let isOver = false;
      const write = async (worker: number): Promise<number> => {
        let acknowledged = 0;
        while (!isOver) {
          const put = await gateway.client.putContact(`user-${worker}-${acknowledged}`, { name: "Ana" });
          if (put.ok) acknowledged += 1;
        }
        return acknowledged;
      };
      const workers = Promise.all([0, 1, 2, 3].map(write));
      const count = (file: string): number => {
        const database = new DatabaseSync(join(machine.folder, file));
        expect(database.prepare("pragma integrity_check").get()).toEqual({ integrity_check: "ok" });
        const row = database.prepare("select count(*) as count from contacts").get();
        database.close();
        return Number(row?.["count"]);
      };
      await gateway.client.putContact("first", { name: "Ana" });
      await machine.run(backUp);
      if ((await machine.run("command -v sqlite3 || true")) !== "") {
        await machine.run(`sqlite3 data/gateway.db "vacuum into 'backup/other.db'"`);
        expect(count("backup/other.db")).toBeGreaterThan(0);
      }
      isOver = true;
      const written = (await workers).reduce((sum, each) => sum + each, 0);
      expect(count("backup/gateway.db")).toBeGreaterThan(0);
      expect(count("backup/gateway.db")).toBeLessThanOrEqual(written + 1);
    },
    TEST_MS,
  );

  it(
    "brings a PostgreSQL database back into a new one",
    async () => {
      const [backUp = "", restore = ""] = stepsUnder("PostgreSQL");
      const machine = newMachine();
      const [database, newDatabase] = await Promise.all([freshDatabase(), freshDatabase()]);
      const secrets = makeSecrets();
      const env = { ...secrets, DATABASE_URL: database.url };
      const before = await machine.start(env);
      const kept = await fill(machine, before, env);
      await machine.run(backUp, { DATABASE_URL: database.url });
      const lost = await goOn(before);
      await before.stop();
      await database.drop();
      await machine.run(restore, { NEW_DATABASE_URL: newDatabase.url });

      const after = await machine.start({ ...secrets, DATABASE_URL: newDatabase.url });
      await expectReady(after);
      await expectPaused(after);
      await expectLost(after, lost);
      await expectKept(after, kept);
      await after.stop();
      await newDatabase.drop();
    },
    TEST_MS,
  );

  it("brings nothing back that verifies when the secret is another one", async () => {
    const machine = newMachine();
    const env = { ...makeSecrets(), DATABASE_URL: "sqlite:./data/gateway.db" };
    const before = await machine.start(env);
    const live = await sendCode(before, newPhone());
    await before.stop();
    const after = await machine.start({ ...env, OTP_SECRET: randomSecret() });
    expect(await checkCode(after, live)).toBe("service_unavailable");
  });
});
