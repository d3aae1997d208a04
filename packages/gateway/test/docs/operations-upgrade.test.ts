import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, describe, expect, it } from "vitest";
import { newPhone } from "../e2e/phones.ts";
import { freshDatabase } from "../servers/fresh.ts";
import {
  checkCode,
  createOperatorMachine,
  expectReady,
  makeSecrets,
  type OperatorMachine,
  type Served,
  sendCode,
  stepsUnder,
} from "./operator.ts";

const TEST_MS = 60_000;

/** What the next version's migration may do: columns with a default, a table. */
const NEWER = `
  insert into kysely_migration (name, timestamp) values ('9999_newer', '2030-01-01T00:00:00.000Z');
  alter table messages add column newer integer not null default 0;
  alter table verifications add column newer text not null default 'x';
  create table newer (id text primary key);`;

async function expectToServe(gateway: Served): Promise<void> {
  await expectReady(gateway);
  const to = newPhone();
  const sent = await sendCode(gateway, to);
  expect(await checkCode(gateway, sent)).toBe("approved");
  const note = await gateway.client.sendMessage({ to, category: "transactional", text: "Hola" });
  expect(note).toMatchObject({ ok: true });
  const arrived = await gateway.client.inbox.wait({ to, timeout: 5 });
  expect(arrived).toMatchObject({ ok: true });
  expect(await gateway.client.listMessages({ to })).toMatchObject({ ok: true });
  expect(await gateway.client.getVerification(sent.id)).toMatchObject({ ok: true, data: { status: "approved" } });
}

describe("upgrades of docs/operations.md", () => {
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
    "PostgreSQL: this version works on while a newer one migrates, and starts afterwards",
    async () => {
      const [migrate = ""] = stepsUnder("Upgrade");
      const [tune = ""] = stepsUnder("PostgreSQL settings");
      const machine = newMachine();
      const database = await freshDatabase();
      const env = { ...makeSecrets(), DATABASE_URL: database.url };
      expect(await machine.run(migrate, env)).toContain("is up to date");
      const running = await machine.start(env);
      // Its statements are prepared on every connection by then.
      await expectToServe(running);
      const live = await sendCode(running, newPhone());
      await machine.run(`psql "$DATABASE_URL" --set ON_ERROR_STOP=1 --single-transaction --command "$NEWER"`, {
        ...env,
        NEWER,
      });
      expect(await checkCode(running, live)).toBe("approved");
      await expectToServe(running);
      await machine.run(tune, env);

      expect(await machine.run(migrate, env)).toContain("is up to date");
      const fresh = await machine.start(env);
      await expectToServe(fresh);
      await expectToServe(running);
      await machine.remove();
      await database.drop();
    },
    TEST_MS,
  );

  it("SQLite: an older version does not start on a newer file, and leaves it as it is", async () => {
    const machine = newMachine();
    const env = { ...makeSecrets(), DATABASE_URL: "sqlite:./data/gateway.db" };
    const gateway = await machine.start(env);
    await gateway.stop();
    const file = new DatabaseSync(join(machine.folder, "data/gateway.db"));
    file.exec(NEWER);
    const count = () => file.prepare("select count(*) as count from kysely_migration").get()?.["count"];
    const before = count();
    await expect(machine.start(env)).rejects.toThrow("9999_newer");
    expect(count()).toBe(before);
    file.close();
  });
});
