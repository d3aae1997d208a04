import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { Agent } from "node:http";
import { type Cluster, onCluster } from "../harness/cluster.ts";
import { createCodeFinder, pause } from "../harness/cluster-load.ts";
import { NO_LIMITS, phoneAt, wrongCode } from "../harness/gateway.ts";
import { type Answer, type Call, createAsk } from "../harness/http.ts";
import { assertLegal } from "../harness/verification-history.ts";
import {
  createSlot,
  historiesOf,
  type Interval,
  noteCancel,
  noteCheck,
  noteStart,
  type Slot,
} from "../harness/verification-slots.ts";
import type { Figures, Row, RowOptions } from "../row.ts";

const WIDTH = 24;
const TIMEOUT_MS = 15_000;

const FAULTS = ["kill", "reset", "database"] as const;

async function fail({ apis, databaseProxy, postgres }: Cluster, fault: (typeof FAULTS)[number]): Promise<void> {
  if (fault === "kill") await apis[randomInt(apis.length)]?.crash();
  else if (fault === "reset") databaseProxy.resetAll();
  else {
    await postgres.kill();
    await postgres.start();
  }
}

interface Exchange extends Interval {
  /** Null when the connection broke. */
  readonly answer: Answer | null;
}

type Exchanger = (call: Call) => Promise<Exchange>;

/** Wall time that no clock setting moves. */
const instant = (): number => performance.timeOrigin + performance.now();

function createExchanger({ urls }: Cluster, agent: Agent): Exchanger {
  let turn = 0;
  return async (call) => {
    while (urls().length === 0) await pause(20);
    const open = urls();
    const ask = createAsk(() => open[turn++ % open.length] ?? "", agent);
    const askedAt = instant();
    const answer = await Promise.race([ask(call).catch(() => null), pause(TIMEOUT_MS).then(() => "hangs" as const)]);
    if (answer === "hangs") throw new Error(`no answer within ${TIMEOUT_MS} ms: ${call.path}`);
    return { answer, askedAt, answeredAt: instant() };
  };
}

interface Scene {
  readonly exchange: Exchanger;
  readonly key: Cluster["key"];
  readonly codeOf: (number: string) => string | null;
  readonly seen: Map<string, number>;
}

async function operate(scene: Scene, slot: Slot): Promise<void> {
  const { exchange, key, codeOf, seen } = scene;
  const headers = key();
  const { id } = slot;
  const note = ({ answer }: Exchange, name: string): void => {
    const said = answer === null ? "broken" : String(answer.body["code"] ?? answer.body["status"] ?? answer.status);
    seen.set(`${name}: ${said}`, (seen.get(`${name}: ${said}`) ?? 0) + 1);
  };
  if (slot.isWaiting) {
    const path = `/v1/limits/${encodeURIComponent(slot.number)}`;
    const done = await exchange({ method: "DELETE", path, headers });
    note(done, "forget");
    if (done.answer?.status === 204) slot.isWaiting = false;
    return;
  }
  const chance = randomInt(100);
  if (id === null || chance < 25) {
    const done = await exchange({ path: "/v1/verifications", body: { to: slot.number, channel: "sms" }, headers });
    note(done, "start");
    if (done.answer !== null) noteStart(slot, done.answer, done);
  } else if (chance < 93) {
    const code = codeOf(slot.number) ?? "000000";
    const guess = chance < 43 ? code : wrongCode(code, randomInt(1, 10));
    const done = await exchange({ path: `/v1/verifications/${id}/check`, body: { code: guess }, headers });
    note(done, "check");
    noteCheck(slot, id, done);
  } else {
    const done = await exchange({ path: `/v1/verifications/${id}/cancel`, headers });
    note(done, "cancel");
    noteCancel(slot, id, done);
  }
}

/** The database counted every guess that was answered, and none that was not asked. */
async function assertCounted(
  { sql }: Cluster,
  slots: readonly Slot[],
): Promise<{ compared: number; verifications: number }> {
  const rows = await sql.all<{ readonly id: string; readonly attempts: number; readonly status: string }>(
    "select id, attempts, status from verifications",
  );
  const byId = new Map(rows.map((row) => [row.id, row]));
  let compared = 0;
  let verifications = 0;
  for (const history of slots.flatMap(historiesOf)) {
    const count = assertLegal(history);
    const row = byId.get(history.id);
    assert.ok(row !== undefined, `${history.id} was acknowledged and is lost`);
    const { attempts, status } = row;
    const most = Math.min(5, count + history.unanswered);
    assert.ok(
      attempts >= count && attempts <= most,
      `${history.id}: ${attempts} counted, ${count} to ${most} compared`,
    );
    const wasApproved = history.events.some(({ said }) => said.kind === "approved");
    if (wasApproved) assert.equal(status, "approved", `${history.id} was approved`);
    compared += count;
    verifications++;
  }
  const twice = await sql.count(
    "select count(*) from (select entity_id from events where type = 'verification.approved' group by 1 having count(*) > 1) as t",
  );
  assert.equal(twice, 0, "verifications that were approved twice");
  return { compared, verifications };
}

async function run({ size, engine, report }: RowOptions): Promise<Figures> {
  if (engine === "sqlite") throw new Error("this row speaks of several processes");
  const { operations, slotCount, faultEveryMs } =
    size === "full"
      ? { operations: 100_000, slotCount: 1_000, faultEveryMs: 4_000 }
      : { operations: 2_500, slotCount: 50, faultEveryMs: 1_500 };
  const env = { ...NO_LIMITS, OTP_EXPIRATION_MINUTES: "2", OTP_MAX_FAILURES_PER_DAY: "100" };
  return onCluster({ engine, env, isProxied: true, workers: 1 }, async (cluster) => {
    const agent = new Agent({ keepAlive: true });
    const scene: Scene = {
      exchange: createExchanger(cluster, agent),
      key: cluster.key,
      codeOf: createCodeFinder(cluster),
      seen: new Map(),
    };
    const slots = Array.from({ length: slotCount }, (_, i) => createSlot(phoneAt(i)));
    let done = 0;
    let faults = 0;
    const work = async (): Promise<void> => {
      while (done < operations) {
        done++;
        const slot = slots[randomInt(slotCount)];
        if (slot !== undefined) await operate(scene, slot);
        if (done % 10_000 === 0) report(`${done} operations, ${faults} faults`);
      }
    };
    const disturb = async (): Promise<void> => {
      await pause(faultEveryMs);
      for (; done < operations; faults++) {
        await fail(cluster, FAULTS[faults % FAULTS.length] ?? "kill");
        await pause(randomInt(faultEveryMs, 2 * faultEveryMs));
      }
    };
    await Promise.all([disturb(), ...Array.from({ length: WIDTH }, work)]);
    agent.destroy();
    const { seen } = scene;
    const { compared, verifications } = await assertCounted(cluster, slots);
    assert.ok(faults > 0 && (seen.get("check: approved") ?? 0) > 0, "faults and successes");
    const sum = (end: string) =>
      [...seen].reduce((total, [name, count]) => total + (name.endsWith(end) ? count : 0), 0);
    return {
      operations: done,
      verifications,
      faults,
      "guesses compared": compared,
      successes: seen.get("check: approved") ?? 0,
      "locked after 5": seen.get("check: attempts_exhausted") ?? 0,
      "broken by faults": sum(": broken") + sum(": service_unavailable"),
      violations: 0,
    };
  });
}

export const r22: Row = {
  id: "R-22",
  title: "Random operations on verifications while processes, connections and the database die",
  target:
    "100,000 operations on 1,000 numbers: at most 1 success and 5 guesses compared, none after lock, expiry, cancellation or a newer one; the budget only shrinks",
  engines: ["postgres", "postgres+redis"],
  hasFaults: true,
  run,
  mutation: {
    why: "Two processes decide guesses on one address at the same time, and each writes what it decided.",
    edits: [
      {
        file: "packages/gateway/src/adapters/stores/postgres/checks.ts",
        find: "select pg_advisory_xact_lock(h) from",
        replace: "select h from",
      },
      {
        file: "packages/gateway/src/adapters/stores/postgres/checks.ts",
        find: "where v.id = n.id and v.status = n.seen_status and v.attempts = n.seen_attempts",
        replace: "where v.id = n.id",
      },
    ],
  },
};
