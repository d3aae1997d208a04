import assert from "node:assert/strict";
import { Agent } from "node:http";
import { type Cluster, onCluster } from "../harness/cluster.ts";
import { callsByNumber, createCodeSeeker, pause } from "../harness/cluster-load.ts";
import { NO_LIMITS } from "../harness/gateway.ts";
import { type Answer, type Ask, createAsk } from "../harness/http.ts";
import { dumpRedis, type RedisFault, redisFaults } from "../harness/redis-faults.ts";
import type { Figures, Row, RowOptions } from "../row.ts";

const PER_PERSON = 3;
const PER_CROWD = 4;
const BACK_WITHIN_MS = 10_000;
const TRIES = 2 * PER_CROWD + 2;

const LIMITS = {
  ...NO_LIMITS,
  SMS_RATE_LIMIT_PER_NUMBER: String(PER_PERSON),
  SMS_RATE_LIMIT_PER_SUBJECT: String(PER_PERSON),
  SMS_RATE_LIMIT_PER_CLIENT: String(PER_CROWD),
  SMS_RATE_LIMIT_PER_BLOCK: String(PER_CROWD),
};

type Dimension = "number" | "subject" | "client" | "block";

/** One counter, and the send that it counts. */
interface Counter {
  readonly dimension: Dimension;
  /** @param i which send of this counter it is */
  readonly send: (i: number) => Readonly<Record<string, string>>;
}

const LIMIT_OF: Readonly<Record<Dimension, number>> = {
  number: PER_PERSON,
  subject: PER_PERSON,
  client: PER_CROWD,
  block: PER_CROWD,
};

/** Makes counters that have nothing in common but what they count. */
function createCounters() {
  let blocks = 0;
  const numberIn = (block: number, i: number): string =>
    `+57${310 + Math.floor(block / 1_000)}${String(block % 1_000).padStart(3, "0")}${String(i).padStart(4, "0")}`;
  const fresh = (): string => numberIn(blocks++, 0);
  return {
    fresh,
    make: (dimension: Dimension): Counter => {
      const own = blocks++;
      switch (dimension) {
        case "number":
          return { dimension, send: () => ({ to: numberIn(own, 0) }) };
        case "subject":
          return { dimension, send: () => ({ to: fresh(), subject: `user-${own}` }) };
        case "client":
          return { dimension, send: () => ({ to: fresh(), clientAddress: `203.0.${own >> 8}.${own & 255}` }) };
        case "block":
          return { dimension, send: (i) => ({ to: numberIn(own, i) }) };
      }
    },
  };
}

function assertUnavailable(answer: Answer, what: string): void {
  assert.equal(answer.status, 503, `${what}: ${answer.status} ${answer.text}`);
  assert.match(answer.retryAfter ?? "", /^[1-9]\d*$/, `${what}: Retry-After`);
}

interface Scene {
  readonly cluster: Cluster;
  readonly ask: Ask;
  readonly counters: ReturnType<typeof createCounters>;
  readonly codeOf: (number: string) => Promise<string>;
  readonly keys: number;
}

const start = ({ ask, cluster }: Scene, body: Readonly<Record<string, string>>): Promise<Answer> =>
  ask({ path: "/v1/verifications", body: { channel: "sms", ...body }, headers: cluster.key() });

/** Waits until everything that was begun has reached the carrier. */
async function settle({ cluster: { sql } }: Scene): Promise<void> {
  while ((await sql.count("select count(*) from messages where due_at is not null")) > 0) await pause(20);
}

/** While Redis is away: nothing is sent, and guesses are decided as always. */
async function assertSendsRefused(scene: Scene, live: { readonly id: string; readonly code: string }): Promise<number> {
  const { cluster, ask, counters } = scene;
  const before = cluster.carrier.ledger.length;
  const refused = 2 * scene.keys;
  for (let i = 0; i < refused; i++) assertUnavailable(await start(scene, { to: counters.fresh() }), "without Redis");
  assert.equal(cluster.carrier.ledger.length, before, "without Redis nothing is sent");
  const path = `/v1/verifications/${live.id}/check`;
  const { status, text } = await ask({ path, body: { code: live.code }, headers: cluster.key() });
  assert.equal(status, 200, `a guess without Redis: ${text}`);
  return refused;
}

/** How long it takes until every process sends again. */
async function waitUntilSent(scene: Scene): Promise<number> {
  const backAt = performance.now();
  const { apis } = scene.cluster;
  for (let inARow = 0; inARow < 2 * apis.length; ) {
    const { status } = await start(scene, { to: scene.counters.fresh() });
    assert.ok(status === 201 || status === 503, `after the fault: ${status}`);
    inARow = status === 201 ? inARow + 1 : 0;
    assert.ok(performance.now() - backAt <= BACK_WITHIN_MS, "sends again in time");
    if (status !== 201) await pause(50);
  }
  return performance.now() - backAt;
}

/** Asks until the counter refuses; `taken` counts on from before the fault. */
async function useUp(scene: Scene, counter: Counter, taken: number): Promise<number> {
  for (let i = taken; i < TRIES; i++) {
    const answer = await start(scene, counter.send(i));
    if (answer.status !== 201) {
      assert.equal(answer.body["code"], "rate_limited", answer.text);
      assert.match(answer.retryAfter ?? "", /^[1-9]\d*$/, "Retry-After");
      return i;
    }
  }
  return TRIES;
}

interface Seen {
  readonly refused: number;
  readonly backMs: number;
  /** Sends beyond the limit, by dimension: the most of one counter. */
  readonly extra: Readonly<Record<Dimension, number>>;
}

async function provoke(scene: Scene, fault: RedisFault): Promise<Seen> {
  const { cluster, counters, codeOf } = scene;
  const dimensions = Object.keys(LIMIT_OF) as readonly Dimension[];
  const all = dimensions.flatMap((dimension) => Array.from({ length: scene.keys }, () => counters.make(dimension)));
  const to = counters.fresh();
  const begun = await start(scene, { to });
  const live = { id: String(begun.body["id"]), code: await codeOf(to) };
  if (fault.name.includes("dump")) await dumpRedis(cluster);
  for (const counter of all) {
    for (let i = 0; i < LIMIT_OF[counter.dimension] - 1; i++) {
      const { status, text } = await start(scene, counter.send(i));
      assert.equal(status, 201, `${counter.dimension}: ${text}`);
    }
  }
  await settle(scene);
  await fault.begin(cluster);
  const refused = fault.isOutage ? await assertSendsRefused(scene, live) : 0;
  await fault.end(cluster);
  const backMs = await waitUntilSent(scene);
  const extra = { number: 0, subject: 0, client: 0, block: 0 };
  for (const counter of all) {
    const { dimension } = counter;
    const limit = LIMIT_OF[dimension];
    const taken = await useUp(scene, counter, limit - 1);
    const isPersonal = dimension === "number" || dimension === "subject";
    if (isPersonal) assert.equal(taken, limit, `${fault.name}: sends of one ${dimension}`);
    else assert.ok(taken >= limit && taken <= 2 * limit, `${fault.name}: ${taken} sends of one ${dimension}`);
    extra[dimension] = Math.max(extra[dimension], taken - limit);
  }
  return { refused, backMs, extra };
}

async function run({ size, report }: RowOptions): Promise<Figures> {
  const { keys, partitionMs } = size === "full" ? { keys: 20, partitionMs: 30_000 } : { keys: 2, partitionMs: 1_500 };
  return onCluster({ engine: "postgres+redis", env: LIMITS, isProxied: true, workers: 1 }, async (cluster) => {
    const agent = new Agent({ keepAlive: true });
    let turn = 0;
    const ask = createAsk(() => cluster.urls()[turn++ % cluster.apis.length] ?? "", agent);
    const pids = () => cluster.apis.map((place) => place.current()?.pid);
    const pidsBefore = pids();
    const scene: Scene = { cluster, ask, keys, counters: createCounters(), codeOf: createCodeSeeker(cluster) };
    const seen: Seen[] = [];
    for (const fault of redisFaults({ partitionMs })) {
      const one = await provoke(scene, fault);
      report(`${fault.name}: back after ${Math.round(one.backMs)} ms, extra ${JSON.stringify(one.extra)}`);
      seen.push(one);
    }
    agent.destroy();
    assert.deepEqual(pids(), pidsBefore, "no process of ours was started again");
    await pause(500);
    const most = Math.max(...callsByNumber(cluster.carrier).values());
    assert.ok(most <= PER_PERSON, `${most} messages to one number`);
    const total = (of: (one: Seen) => number) => seen.reduce((sum, one) => sum + of(one), 0);
    const highest = (of: (one: Seen) => number) => Math.max(...seen.map(of));
    return {
      faults: seen.length,
      "refused meanwhile (503 with Retry-After)": total(({ refused }) => refused),
      "numbers and subjects beyond their limit": total(({ extra }) => extra.number + extra.subject),
      "extra sends of one client at the most": `${highest(({ extra }) => extra.client)} of ${PER_CROWD}`,
      "extra sends of one block at the most": `${highest(({ extra }) => extra.block)} of ${PER_CROWD}`,
      "sends again after at most (ms)": Math.round(highest(({ backMs }) => backMs)),
    };
  });
}

export const r11: Row = {
  id: "R-11",
  title: "Redis is killed, emptied, outdated, full, read-only, out of reach, half open",
  target:
    "numbers and subjects: 0 wrong decisions; clients and blocks: at most one extra window; sends again within 10 s, without a restart of ours",
  engines: ["postgres+redis"],
  hasFaults: true,
  run,
  mutation: {
    why: "With Redis the database counts nothing.",
    edits: [
      {
        file: "packages/gateway/src/services/limits.ts",
        find: "const outcome = await commit(charges.filter(isPersonal));",
        replace: "const outcome = await commit([]);",
      },
    ],
  },
};
