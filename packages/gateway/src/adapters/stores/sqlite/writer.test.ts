import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startStep, times } from "../../../../test/contracts/store-fixtures.ts";
import { openReader, openWriter } from "./connection.ts";
import { createSqliteStore } from "./sqlite-store.ts";
import { type BatchReport, createWriter, type Writer } from "./writer.ts";

const STARTS = 64;
const MOST_COMMITS = 8;
const PATIENCE_MS = 2_000;

let folder: string;
let count = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "writer-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const newPath = () => join(folder, `writer-${++count}.db`);
const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("sixty-four starts at once", () => {
  it("share at most eight commits, and none is answered before its own", async () => {
    const path = newPath();
    const batches: BatchReport[] = [];
    const store = await createSqliteStore({ path, onBatch: (batch) => batches.push(batch) });
    batches.length = 0;
    const elsewhere = openReader(path);
    const find = elsewhere.prepare(
      `select v.id from verifications v join messages m on m.verification_id = v.id
       join events e on e.entity_id = v.id and e.message_id = m.id where v.id = ? and m.id = ?`,
    );
    const begun = times(STARTS, () => {
      const step = startStep();
      return store.startVerification(step).then(() => find.get(step.fresh.id, step.message.id) !== undefined);
    });
    expect(await Promise.all(begun)).toEqual(times(STARTS, () => true));
    expect(batches.length).toBeLessThanOrEqual(MOST_COMMITS);
    expect(batches.reduce((sum, { steps }) => sum + steps, 0)).toBe(STARTS);
    elsewhere.close();
    await store.close();
  });

  it("come in small groups and are still never answered before their commit", async () => {
    const path = newPath();
    const store = await createSqliteStore({ path });
    const elsewhere = openReader(path);
    const find = elsewhere.prepare("select 1 from verifications where id = ?");
    const found: boolean[] = [];
    const running: Promise<unknown>[] = [];
    for (const _ of times(16, () => 0)) {
      for (const step of times(4, () => startStep())) {
        expect(find.get(step.fresh.id)).toBeUndefined();
        running.push(store.startVerification(step).then(() => found.push(find.get(step.fresh.id) !== undefined)));
      }
      await nextTurn();
    }
    await Promise.all(running);
    expect(found).toEqual(times(STARTS, () => true));
    elsewhere.close();
    await store.close();
  });
});

describe("the writer", () => {
  let path: string;
  let database: DatabaseSync;
  let elsewhere: DatabaseSync;
  let batches: BatchReport[];
  let writer: Writer;
  beforeEach(() => {
    path = newPath();
    database = openWriter(path);
    database.exec(`
      create table parents (id integer primary key);
      create table notes (id text primary key, body text, parent integer references parents (id) deferrable initially deferred);
    `);
    elsewhere = openReader(path);
    batches = [];
    writer = createWriter(database, { onBatch: (batch) => batches.push(batch) });
  });
  afterEach(() => {
    elsewhere.close();
    database.close();
  });

  const add = (id: string, more: { parent?: number; body?: string } = {}) =>
    writer.run(() => {
      database
        .prepare("insert into notes (id, parent, body) values (?, ?, ?)")
        .run(id, more.parent ?? null, more.body ?? "");
      return id;
    });
  const stored = () =>
    elsewhere
      .prepare("select id from notes order by id")
      .all()
      .map(({ id }) => id);
  const codeOf = async (running: Promise<unknown>): Promise<unknown> =>
    running.then(
      () => "stored",
      (error: unknown) => (error instanceof Error && "code" in error ? error.code : error),
    );

  it("writes through to the disk at each commit", () => {
    const pragma = (name: string) => Object.values(database.prepare(`pragma ${name}`).get() ?? {})[0];
    expect(pragma("journal_mode")).toBe("wal");
    const full = 2;
    expect(pragma("synchronous")).toBe(full);
    expect(pragma("foreign_keys")).toBe(1);
  });

  it("runs steps of one turn in order in one commit, each seeing the ones before", async () => {
    const total = () => database.prepare("select count(*) as n from notes").get()?.["n"];
    const seen = await Promise.all(times(10, (index) => [add(`n${index}`), writer.run(total)]).flat());
    expect(seen.filter((value) => typeof value === "number")).toEqual(times(10, (index) => index + 1));
    expect(batches.map(({ steps }) => steps)).toEqual([20]);
    expect(batches[0]?.durationMs).toBeGreaterThan(0);
  });

  it("commits the steps of the next turn separately", async () => {
    await add("a");
    await add("b");
    expect(batches.map(({ steps }) => steps)).toEqual([1, 1]);
  });

  it("commits no more steps at once than it was told to, and all of them", async () => {
    writer = createWriter(database, { onBatch: (batch) => batches.push(batch), maxSteps: 2 });
    const added = [add("a"), add("b"), add("c"), add("d"), add("e")];
    await Promise.all([writer.close(), ...added]);
    expect(batches.map(({ steps }) => steps)).toEqual([2, 2, 1]);
    expect(stored()).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("undoes only the step that throws", async () => {
    const boom = writer.run(() => {
      database.prepare("insert into notes (id) values ('half')").run();
      throw new Error("boom");
    });
    const [first, failed, second] = await Promise.allSettled([add("a"), boom, add("b")]);
    expect([first.status, second.status]).toEqual(["fulfilled", "fulfilled"]);
    expect(failed).toMatchObject({ status: "rejected", reason: new Error("boom") });
    expect(stored()).toEqual(["a", "b"]);
    expect(batches.map(({ steps }) => steps)).toEqual([3]);
  });

  it("answers what each of many throwing steps threw", async () => {
    const outcomes = await Promise.all(
      times(50, (index) =>
        index % 2 === 0
          ? add(`n${String(index).padStart(2, "0")}`)
          : codeOf(
              writer.run(() => {
                throw new Error(`step ${index}`);
              }),
            ).then((error) => (error instanceof Error ? error.message : error)),
      ),
    );
    expect(outcomes).toEqual(
      times(50, (index) => (index % 2 === 0 ? `n${String(index).padStart(2, "0")}` : `step ${index}`)),
    );
    expect(stored()).toHaveLength(25);
  });

  it("refuses every step of a batch whose commit fails, stores none, and works again", async () => {
    const orphan = 4711;
    const codes = await Promise.all([codeOf(add("a")), codeOf(add("b", { parent: orphan })), codeOf(add("c"))]);
    expect(codes).toEqual(times(3, () => "service_unavailable"));
    expect(stored()).toEqual([]);
    expect(batches).toEqual([]);
    expect(database.isTransaction).toBe(false);
    await add("d");
    expect(stored()).toEqual(["d"]);
  });

  it("refuses what does not fit on a full disk as unavailable, stores nothing of it, and works again", async () => {
    const pages = Number(database.prepare("pragma page_count").get()?.["page_count"]);
    database.exec(`pragma max_page_count = ${pages + 4}`);
    const codes = await Promise.all(times(8, (index) => codeOf(add(`big${index}`, { body: "x".repeat(16_000) }))));
    expect(codes.filter((code) => code !== "stored").length).toBeGreaterThan(0);
    expect(new Set(codes.filter((code) => code !== "stored"))).toEqual(new Set(["service_unavailable"]));
    expect(stored()).toHaveLength(codes.filter((code) => code === "stored").length);
    database.exec("pragma max_page_count = 1000000");
    await add("later");
    expect(stored()).toContain("later");
  });

  it("waits while another process holds the file, and then commits", async () => {
    const holder = new DatabaseSync(path);
    holder.exec("begin immediate");
    const startedAt = performance.now();
    const running = [add("a"), add("b")];
    setTimeout(() => holder.exec("rollback"), 400);
    const late = new Promise((resolve) => setTimeout(() => resolve(add("c")), 150));
    expect(await Promise.all([...running, late])).toEqual(["a", "b", "c"]);
    expect(performance.now() - startedAt).toBeGreaterThan(350);
    expect(stored()).toEqual(["a", "b", "c"]);
    holder.close();
  });

  it("refuses after two seconds of waiting, and works again when the file is free", async () => {
    const holder = new DatabaseSync(path);
    holder.exec("begin immediate");
    const startedAt = performance.now();
    expect(await Promise.all([codeOf(add("a")), codeOf(add("b"))])).toEqual([
      "service_unavailable",
      "service_unavailable",
    ]);
    const waited = performance.now() - startedAt;
    expect(waited).toBeGreaterThanOrEqual(PATIENCE_MS);
    expect(waited).toBeLessThan(PATIENCE_MS + 1_000);
    holder.exec("rollback");
    expect(stored()).toEqual([]);
    await add("c");
    expect(stored()).toEqual(["c"]);
    holder.close();
  });

  it("commits what is queued before it closes, and refuses the rest", async () => {
    const queued = times(20, (index) => add(`n${index}`));
    const closing = writer.close();
    const late = codeOf(add("late"));
    await closing;
    expect(stored()).toHaveLength(20);
    expect(await Promise.all(queued)).toHaveLength(20);
    expect(await late).toBe("service_unavailable");
    expect(stored()).not.toContain("late");
  });

  it("closes at once when nothing is queued", async () => {
    await add("a");
    await writer.close();
    expect(await codeOf(add("b"))).toBe("service_unavailable");
  });
});
