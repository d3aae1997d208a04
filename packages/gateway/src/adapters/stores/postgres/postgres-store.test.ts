import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { storeContract } from "../../../../test/contracts/store.ts";
import {
  chargeTo,
  checkStep,
  endAttempt,
  HOUR,
  MINUTE,
  NOW,
  newMessage,
  newPhone,
  SCOPE,
  sendsPer,
  start,
  startStep,
  tally,
  times,
} from "../../../../test/contracts/store-fixtures.ts";
import { claimStep, enqueue } from "../../../../test/contracts/store-messages.ts";
import { freshDatabase } from "../../../../test/servers/fresh.ts";
import type { TestDatabase } from "../../../../test/servers/postgres.ts";
import type { Charge } from "../../../domain/limits.ts";
import type { Address } from "../../../domain/verification.ts";
import type { Store } from "../../../ports/store.ts";
import type { CheckStep, Started } from "../../../ports/verification-store.ts";
import { createPostgresStore } from "./postgres-store.ts";

let database: TestDatabase;
let admin: Client;
beforeAll(async () => {
  database = await freshDatabase();
  admin = new Client({ connectionString: database.url });
  await admin.connect();
  await (await createPostgresStore({ url: database.url })).close();
});
afterAll(async () => {
  await admin.end();
  await database.drop();
});

/** Empties every table and begins the sequences again: much faster than a database for each test. */
async function emptyDatabase(): Promise<void> {
  const { rows } = await admin.query<{ name: string }>(
    "select quote_ident(tablename) as name from pg_tables where schemaname = 'public' and tablename not like 'kysely%'",
  );
  await admin.query(`truncate ${rows.map(({ name }) => name).join(", ")} restart identity`);
}

const openEmpty = async () => {
  await emptyDatabase();
  return createPostgresStore({ url: database.url });
};

storeContract("postgres", openEmpty);

describe("the PostgreSQL store", () => {
  const withStores = async (count: number, use: (stores: readonly Store[]) => Promise<void>): Promise<void> => {
    await emptyDatabase();
    const stores = await Promise.all(times(count, () => createPostgresStore({ url: database.url })));
    try {
      await use(stores);
    } finally {
      await Promise.all(stores.map((store) => store.close()));
    }
  };
  const [first, second] = [0, 1] as const;
  const storeAt = (stores: readonly Store[], index: number): Store => {
    const store = stores[index % stores.length];
    if (store === undefined) throw new Error("there is no such store");
    return store;
  };

  it("keeps everything when it is opened again", async () => {
    let kept: readonly Started[] = [];
    await withStores(1, async (stores) => {
      kept = await Promise.all(times(20, () => start(storeAt(stores, first))));
    });
    const again = await createPostgresStore({ url: database.url });
    const read = await Promise.all(kept.map(({ verification: { id } }) => again.readVerification("default", id)));
    expect(read).toEqual(kept.map(({ verification }) => verification));
    await again.close();
  });

  it("compares five of hundreds of guesses that arrive at two processes, by id and by address", async () => {
    await withStores(2, async (stores) => {
      const address = newPhone();
      const { verification } = await start(storeAt(stores, first), { address });
      let compared = 0;
      const matches = () => {
        compared += 1;
        return false;
      };
      const targets = [
        { tenant: "default", id: verification.id },
        { ...SCOPE, address },
      ] as const;
      const outcomes = await Promise.all(
        times(200, (index) =>
          storeAt(stores, index).checkCode(checkStep({ target: targets[(index >> 1) % 2] ?? targets[0], matches })),
        ),
      );
      expect(compared).toBe(5);
      expect(tally(outcomes.map(({ kind }) => kind))).toEqual({ incorrect: 4, exhausted: 1, waiting: 195 });
      expect(await storeAt(stores, second).readVerification("default", verification.id)).toMatchObject({ attempts: 5 });
    });
  });

  it("makes one live verification of starts that arrive at two processes, and counts them all", async () => {
    await withStores(2, async (stores) => {
      const address = newPhone();
      const charges = [chargeTo(address, sendsPer(50, HOUR))];
      const outcomes = await Promise.all(
        times(120, (index) => storeAt(stores, index).startVerification(startStep({ address, charges }))),
      );
      expect(tally(outcomes.map(({ kind }) => kind))).toEqual({ started: 50, refused: 70 });
      const ids = outcomes.flatMap((outcome) => (outcome.kind === "started" ? [outcome.verification.id] : []));
      expect(new Set(ids).size).toBe(1);
    });
  });

  it("keeps the cap over all numbers with slices leased to each process", async () => {
    await withStores(3, async (stores) => {
      const cap = 1_000;
      const global: Charge = { dimension: "otp.global", key: "all", windows: [sendsPer(cap, HOUR)], bucketMs: MINUTE };
      let started = 0;
      for (const _ of times(6, () => 0)) {
        const outcomes = await Promise.all(
          times(200, (index) => storeAt(stores, index).startVerification(startStep({ charges: [global] }))),
        );
        started += outcomes.filter(({ kind }) => kind === "started").length;
      }
      expect(started).toBeLessThanOrEqual(cap);
      // Each process may keep a slice of a two hundredth that it did not use.
      expect(started).toBeGreaterThanOrEqual(cap - 3 * (cap / 200));
    });
  });

  it("gives every message to one of two processes", async () => {
    await withStores(2, async (stores) => {
      const all = await Promise.all(times(100, (index) => enqueue(storeAt(stores, index))));
      const claims = await Promise.all(
        times(40, (index) => storeAt(stores, index).claimMessages(claimStep({ limit: 10 }))),
      );
      const begun = claims.flatMap((claimed) => claimed.begun.map(({ id }) => id));
      expect(begun.toSorted()).toEqual(all.toSorted());
    });
  });

  it("tells events in an order in which none is missed, while two processes write", async () => {
    await withStores(2, async (stores) => {
      const writing = Promise.all(times(300, (index) => start(storeAt(stores, index))));
      const seen: number[] = [];
      const giveUpAt = performance.now() + 10_000;
      while (seen.length < 300 && performance.now() < giveUpAt) {
        const events = await storeAt(stores, first).listEvents("default", seen.at(-1) ?? 0, 50);
        seen.push(...events.map(({ seq }) => seq));
      }
      await writing;
      const { rows } = await admin.query<{ seq: string }>("select seq from events order by seq");
      expect(seen).toEqual(rows.map(({ seq }) => Number(seq)));
    });
  });

  it.each(["\0", "\ud800"])("refuses a text that it cannot keep, and leaves its neighbours alone (%j)", async (odd) => {
    await withStores(1, async (stores) => {
      const store = storeAt(stores, first);
      const [bad, good] = await Promise.allSettled([
        store.startVerification(startStep({ subject: `user${odd}` })),
        store.startVerification(startStep({ subject: "user" })),
      ]);
      expect(bad).toMatchObject({ status: "rejected", reason: { code: "fields_invalid" } });
      expect(good).toMatchObject({ status: "fulfilled", value: { kind: "started" } });
      const message = newMessage({ text: `hola ${odd}` });
      await expect(store.enqueueMessage({ message, charges: [], now: NOW })).rejects.toMatchObject({
        code: "fields_invalid",
      });
    });
  });

  it("answers service_unavailable while somebody holds a table, and goes on afterwards", async () => {
    await withStores(1, async (stores) => {
      const store = storeAt(stores, first);
      await start(store);
      await admin.query("begin; lock table verifications in access exclusive mode");
      const startedAt = performance.now();
      await expect(store.startVerification(startStep())).rejects.toMatchObject({ code: "service_unavailable" });
      expect(performance.now() - startedAt).toBeLessThan(5_000);
      await admin.query("rollback");
      expect((await store.startVerification(startStep())).kind).toBe("started");
    });
  });

  it("reads rows by key, however large its tables have become since it began to plan", {
    timeout: 60_000,
  }, async () => {
    const round = async (store: Store, count: number): Promise<void> => {
      const guess = (target: CheckStep["target"], isRight: boolean) =>
        store.checkCode(checkStep({ target, matches: () => isRight }));
      const starting = (address: Address) =>
        start(store, { address, charges: [chargeTo(address, sendsPer(50, HOUR))] });
      const addresses = times(count, () => newPhone());
      const begun = await Promise.all(addresses.map(starting));
      await Promise.all(addresses.map((address) => guess({ ...SCOPE, address }, false)));
      const some = begun.slice(0, 20);
      for (const { messageId } of some) {
        await endAttempt(store, { id: messageId }, { outcome: "accepted", providerMessageId: "p" });
      }
      await Promise.all(
        some.flatMap(({ messageId, verification: { id } }, index) => [
          store.applyReceipt(messageId, { state: "delivered" }, NOW),
          guess({ tenant: "default", id }, index % 2 === 0),
        ]),
      );
      await Promise.all(addresses.slice(0, 20).map(starting));
      await store.claimMessages(claimStep());
      await Promise.all(addresses.slice(0, 20).map((address) => store.readAddressState(SCOPE, address, NOW)));
    };
    /** Rows of whole tables that were scanned, entries of indexes that were read. */
    const readFigures = async () => {
      await admin.query("select pg_stat_clear_snapshot()");
      const hot = "relname in ('verifications', 'messages', 'sends', 'guesses', 'events')";
      const { rows } = await admin.query<{ scanned: string; looked: string }>(
        `select (select sum(seq_tup_read) from pg_stat_user_tables where ${hot}) as scanned,
          (select sum(idx_tup_read) from pg_stat_user_indexes where ${hot}) as looked`,
      );
      return { scanned: Number(rows[0]?.scanned), looked: Number(rows[0]?.looked) };
    };
    /** What one address of some rounds costs. Backends hand in their figures for certain when they end, with their store. */
    const costOf = async (...counts: readonly number[]) => {
      const before = await readFigures();
      await withStores(1, async (stores) => {
        for (const count of counts) await round(storeAt(stores, first), count);
      });
      const after = await readFigures();
      const addresses = counts.reduce((sum, count) => sum + count, 0);
      return { scanned: after.scanned - before.scanned, perAddress: (after.looked - before.looked) / addresses };
    };
    await admin.query("alter table verifications set (autovacuum_enabled = off)");
    const young = await costOf(30, 30);
    const grown = await costOf(30, ...times(6, () => 500));
    expect(grown.scanned).toBe(0);
    expect(grown.perAddress).toBeLessThan(young.perAddress);
    await admin.query("alter table verifications reset (autovacuum_enabled)");
  });

  it("tells the time of the database", async () => {
    await withStores(1, async (stores) => {
      const ms = await storeAt(stores, first).readTime();
      expect(Math.abs((ms ?? 0) - Date.now())).toBeLessThan(5_000);
    });
  });

  it("is not ready while the database takes no writes", async () => {
    const { rows } = await admin.query<{ name: string }>("select quote_ident(current_database()) as name");
    await admin.query(`alter database ${rows[0]?.name} set default_transaction_read_only = on`);
    const store = await createPostgresStore({ url: database.url });
    try {
      await expect(store.ping()).rejects.toMatchObject({ code: "service_unavailable" });
      await expect(store.startVerification(startStep())).rejects.toMatchObject({ code: "service_unavailable" });
    } finally {
      await admin.query(`alter database ${rows[0]?.name} reset default_transaction_read_only`);
      await store.close();
    }
    await withStores(1, async (stores) => {
      await expect(storeAt(stores, first).ping()).resolves.toBeUndefined();
    });
  });

  it("starts at once in many processes, one of which makes the schema", { timeout: 60_000 }, async () => {
    const empty = await freshDatabase();
    const stores = await Promise.all(times(5, () => createPostgresStore({ url: empty.url })));
    const outcomes = await Promise.all(stores.map((store) => start(store)));
    expect(outcomes).toHaveLength(5);
    await Promise.all(stores.map((store) => store.close()));
    await empty.drop();
  });

  it("never holds a code or a guess", async () => {
    const { rows } = await admin.query<{ name: string }>(
      "select table_name || '.' || column_name as name from information_schema.columns where table_schema = 'public'",
    );
    const columns = rows.map(({ name }) => name);
    expect(columns).toContain("verifications.salt");
    expect(columns.filter((name) => /code|mac|guess$/.test(name)).toSorted()).toEqual([
      "inbox.code",
      "messages.error_code",
      "verifications.code_length",
    ]);
  });
});
