import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { type Cluster, onCluster, type Place } from "../harness/cluster.ts";
import { callsByNumber, findLost, pause, promisedBy, sendAlternately } from "../harness/cluster-load.ts";
import { NO_LIMITS } from "../harness/gateway.ts";
import { isAcknowledged, outcomes, startLoad } from "../harness/open-load.ts";
import type { Figures, Row, RowOptions } from "../row.ts";

/** Long enough that every kill finds calls under way. */
const CARRIER_MS = 80;
const LEASE_MS = 30_000;
const END_WITHIN_MS = 120_000;
/** What one process calls at a time: its two lanes. */
const IN_FLIGHT = 64 + 16;

const ENDS = ["delivered", "sent", "undelivered", "failed", "unknown", "expired"];

interface MessageRow extends Readonly<Record<string, unknown>> {
  readonly id: string;
  readonly lane: "otp" | "notification";
  readonly to_address: string;
  readonly state: string;
  readonly error_code: string | null;
  readonly attempts: number;
  readonly unknown_attempts: number;
  readonly deliver_before: string;
  readonly entity_id: string;
}

/** Running processes that may be killed: somebody goes on taking requests, or there would be no load. */
function victims(places: readonly Place[]): readonly Place[] {
  const running = places.filter((place) => place.current() !== null);
  const isLastApi = running.filter(({ role }) => role === "api").length < 2;
  return running.filter(({ role }) => role === "worker" || !isLastApi);
}

/**
 * Kills processes one after another, each at a moment and of a kind that chance chooses.
 *
 * @returns the end of each restart
 */
async function killAtRandom(places: readonly Place[], kills: number, everyMs: number) {
  const restarts: Promise<void>[] = [];
  for (let kill = 0; kill < kills; kill++) {
    await pause(randomInt(1, 2 * everyMs));
    let possible = victims(places);
    for (; possible.length === 0; possible = victims(places)) await pause(20);
    const victim = possible[randomInt(possible.length)];
    if (victim === undefined) continue;
    const restart = victim.crash();
    // Looked at when all are killed.
    restart.catch(() => undefined);
    restarts.push(restart);
  }
  return restarts;
}

/**
 * Waits until nobody sends anything any more, which takes a lease.
 *
 * @param isFast moves the database's time past every lease instead of waiting
 * @returns how far the time was moved, and since which call of the ledger
 */
async function waitForEnds({ sql, clock, workers, carrier }: Cluster, isFast: boolean) {
  const left = () => sql.count("select count(*) from messages where due_at is not null");
  // Whoever lives finishes its calls.
  if (isFast) await pause(1_500);
  const since = carrier.ledger.length;
  const movedMs = isFast ? LEASE_MS + 1_000 : 0;
  if (isFast) {
    await clock.set(movedMs);
    await Promise.all(workers.map((worker) => worker.crash()));
  }
  const giveUpAt = performance.now() + END_WITHIN_MS;
  while ((await left()) > 0 && performance.now() < giveUpAt) await pause(200);
  assert.equal(await left(), 0, "messages that never ended");
  return { movedMs, since };
}

async function run({ size, engine, report }: RowOptions): Promise<Figures> {
  if (engine === "sqlite") throw new Error("several processes need PostgreSQL");
  const isFull = size === "full";
  const { kills, total, ratePerSecond } = isFull
    ? { kills: 200, total: 40_000, ratePerSecond: 100 }
    : { kills: 6, total: 600, ratePerSecond: 150 };
  return onCluster({ engine, env: { ...NO_LIMITS, OTP_EXPIRATION_MINUTES: "1" } }, async (cluster) => {
    const { carrier, sql } = cluster;
    carrier.behave({ kind: "slow", delayMs: CARRIER_MS });
    const load = startLoad({ ratePerSecond, urls: cluster.urls, callOf: sendAlternately(cluster) });
    const progress = setInterval(() => report(`${load.asked.length} messages`), 30_000).unref();
    // The load lasts as long as somebody is killed, however long the others take to come back.
    const everyMs = Math.floor(((total / ratePerSecond) * 1_000) / kills);
    const restarts = await killAtRandom([...cluster.apis, ...cluster.workers], kills, everyMs);
    while (load.asked.length < total) await pause(100);
    await load.stop();
    await Promise.all(restarts);
    clearInterval(progress);
    const { movedMs, since } = await waitForEnds(cluster, !isFull);

    const acknowledged = load.asked.filter(isAcknowledged);
    const lost = await findLost(sql, acknowledged);
    assert.deepEqual(lost, [], `acknowledged and lost: ${lost.length} of ${acknowledged.length}`);
    const rows = await sql.all<MessageRow>(
      "select id, lane, to_address, state, error_code, attempts, unknown_attempts, deliver_before, coalesce(verification_id, id) as entity_id from messages",
    );
    const byNumber = new Map(rows.map((row) => [row.to_address, row]));
    assert.equal(byNumber.size, rows.length, "one message for each number");
    const byId = new Map(rows.map((row) => [row.id, row]));
    const ends: Record<string, number> = {};
    for (const one of acknowledged) {
      const { state = "lost", error_code = null } = byId.get(promisedBy(one).messageId) ?? {};
      ends[state] = (ends[state] ?? 0) + 1;
      assert.ok(ENDS.includes(state), `an acknowledged message ended as ${state}`);
      assert.ok(state !== "failed" || error_code !== null, "a failed message has a reason");
    }

    const calls = callsByNumber(carrier);
    let extra = 0;
    for (const [number, count] of calls) {
      const row = byNumber.get(number);
      assert.ok(row !== undefined, `the carrier was called for ${number}, of which no row is kept`);
      const most = row.lane === "otp" ? 2 : 1;
      assert.ok(count <= most && count <= row.attempts, `${count} calls in ${row.attempts} attempts of ${row.lane}`);
      if (count > 1) assert.ok(row.unknown_attempts > 0, "a second call was told of");
      extra += count - 1;
    }
    const uncalled = rows.filter(({ state, to_address }) => state === "sent" && !calls.has(to_address));
    assert.deepEqual(uncalled, [], "what is called sent was sent");
    const again = await sql.count("select count(*) from messages where attempts > 1");
    assert.ok(extra <= again && extra <= kills * IN_FLIGHT, `${extra} extra calls`);
    const late = carrier.ledger.flatMap(({ at, to }, i) => {
      const row = byNumber.get(to ?? "");
      const lateMs = at + (i < since ? 0 : movedMs) - Number(row?.deliver_before);
      return lateMs >= 0
        ? [
            {
              lateMs,
              lane: row?.lane,
              attempts: row?.attempts,
              unknown: row?.unknown_attempts,
              entity: row?.entity_id,
              at,
            },
          ]
        : [];
    });
    if (late.length > 0) {
      const told = await sql.all(
        "select entity_id, type, at, data::text from events where entity_id = any($1) order by entity_id, seq",
        [late.slice(0, 3).map(({ entity }) => entity)],
      );
      report(JSON.stringify(told));
    }
    assert.deepEqual(late.slice(0, 20), [], `${late.length} calls after the message had expired`);
    const { 201: codes = 0, 202: notifications = 0, ...others } = outcomes(load.asked);
    assert.equal(codes + notifications, acknowledged.length);
    return {
      kills,
      asked: load.asked.length,
      acknowledged: acknowledged.length,
      lost: lost.length,
      "not acknowledged": Object.entries(others)
        .map(([name, count]) => `${count} ${name}`)
        .join(" + "),
      ends: Object.entries(ends)
        .map(([state, count]) => `${count} ${state}`)
        .join(" + "),
      "begun again": again,
      "extra calls": extra,
      "calls after expiry": late.length,
    };
  });
}

export const r02: Row = {
  id: "R-02",
  title: "kill -9 of API processes and workers at random, under load",
  target:
    "100,000 messages, 200 kills: no acknowledged message lost, each ends, at most one extra call per code and none per notification, nothing after expiry",
  engines: ["postgres", "postgres+redis"],
  hasFaults: true,
  run,
  mutation: {
    why: "A notification is answered before its commit.",
    edits: [
      {
        file: "packages/gateway/src/adapters/stores/postgres/outbox.ts",
        find: "return enqueues.run(step);",
        replace: 'setTimeout(() => void enqueues.run(step).catch(() => undefined), 250); return { kind: "enqueued" };',
      },
    ],
  },
};
