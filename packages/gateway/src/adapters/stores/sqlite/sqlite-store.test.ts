import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { storeContract } from "../../../../test/contracts/store.ts";
import { start, times } from "../../../../test/contracts/store-fixtures.ts";
import { openWriter } from "./connection.ts";
import { migrate } from "./migrations.ts";
import { createSqliteStore } from "./sqlite-store.ts";

let folder: string;
let count = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sqlite-store-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const newPath = () => join(folder, `store-${++count}.db`);

storeContract("sqlite", () => createSqliteStore({ path: newPath() }));

describe("the SQLite file", () => {
  it("is made with its folder, which nobody else may enter", async () => {
    const path = join(folder, "deep", "er", "store.db");
    const store = await createSqliteStore({ path });
    await store.close();
    expect(readFileSync(path).subarray(0, 15).toString()).toBe("SQLite format 3");
  });

  it("keeps everything when it is opened again", async () => {
    const path = newPath();
    const first = await createSqliteStore({ path });
    const all = await Promise.all(times(20, () => start(first)));
    await first.close();
    const second = await createSqliteStore({ path });
    const kept = await Promise.all(all.map(({ verification: { id } }) => second.readVerification("default", id)));
    expect(kept).toEqual(all.map(({ verification }) => verification));
    await second.close();
  });

  it("has the same schema however often it is migrated", async () => {
    const database = openWriter(newPath());
    const schema = () => database.prepare("select type, name, sql from sqlite_master order by type, name").all();
    await migrate(database);
    const before = schema();
    const applied = () => database.prepare("select name from kysely_migration").all();
    const migrations = applied();
    await migrate(database);
    await migrate(database);
    expect(schema()).toEqual(before);
    expect(applied()).toEqual(migrations);
    expect(migrations).not.toEqual([]);
    database.close();
  });

  it("never holds a code or a guess", async () => {
    const path = newPath();
    const store = await createSqliteStore({ path });
    await start(store);
    await store.close();
    const database = new DatabaseSync(path, { readOnly: true });
    const columns = database
      .prepare(
        "select m.name || '.' || p.name as name from sqlite_master m, pragma_table_info(m.name) p where m.type = 'table'",
      )
      .all()
      .map(({ name }) => String(name));
    database.close();
    expect(columns).toContain("verifications.salt");
    expect(columns.filter((name) => /code|mac|guess$/.test(name))).toEqual([
      "verifications.code_length",
      "messages.error_code",
      "inbox.code",
    ]);
  });
});
