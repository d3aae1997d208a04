import assert from "node:assert/strict";
import { type Cluster, onCluster } from "../harness/cluster.ts";
import { findLost, pause, sendAlternately } from "../harness/cluster-load.ts";
import { NO_LIMITS } from "../harness/gateway.ts";
import { type Asked, isAcknowledged, outcomes, startLoad } from "../harness/open-load.ts";
import type { Figures, Row, RowOptions } from "../row.ts";

const FULL_RATE_WITHIN_MS = 15_000;
/** Requests that arrive while PostgreSQL is dead, before its next start. */
const DEAD_MS = 1_000;

interface Outage {
  /** Every process of PostgreSQL is gone. */
  readonly deadAt: number;
  readonly startAt: number;
  /** It takes connections again. */
  readonly backAt: number;
}

async function crash({ postgres }: Cluster): Promise<Outage> {
  await postgres.kill();
  const deadAt = performance.now();
  await pause(DEAD_MS);
  const startAt = performance.now();
  await postgres.start();
  return { deadAt, startAt, backAt: performance.now() };
}

/** From the instant at which the database is back until the last request that it did not take. */
function recoveryMs(asked: readonly Asked[], { backAt }: Outage, until: number): number {
  const refused = asked.filter((one) => one.askedAt >= backAt && one.askedAt < until && !isAcknowledged(one));
  return Math.max(0, ...refused.map(({ askedAt }) => askedAt - backAt));
}

async function run({ size, engine, report }: RowOptions): Promise<Figures> {
  if (engine === "sqlite") throw new Error("PostgreSQL is what is killed here");
  const { kills, ratePerSecond, calmMs } =
    size === "full"
      ? { kills: 30, ratePerSecond: 300, calmMs: 5_000 }
      : { kills: 2, ratePerSecond: 200, calmMs: 2_000 };
  return onCluster({ engine, env: NO_LIMITS }, async (cluster) => {
    const processes = [...cluster.apis, ...cluster.workers].flatMap((place) => place.current() ?? []);
    const load = startLoad({ ratePerSecond, urls: cluster.urls, callOf: sendAlternately(cluster) });
    await pause(calmMs);
    const outages: Outage[] = [];
    for (let kill = 0; kill < kills; kill++) {
      // Another moment of a batch and of a checkpoint each time.
      await pause((kill * 137) % 500);
      outages.push(await crash(cluster));
      await pause(calmMs);
      if (kill % 5 === 4) report(`${kill + 1} kills, ${load.asked.length} requests`);
    }
    const recoveries = outages.map((outage, i) =>
      recoveryMs(load.asked, outage, outages[i + 1]?.deadAt ?? performance.now() - DEAD_MS),
    );
    await load.stop();

    const ended = processes.filter((process) => !process.isRunning()).map((process) => process.said());
    assert.deepEqual(ended, [], "processes of ours that ended");
    const seen = outcomes(load.asked);
    const inOutage = load.asked.filter((one) =>
      outages.some(({ deadAt, startAt }) => one.askedAt >= deadAt && one.answeredAt <= startAt),
    );
    assert.ok(inOutage.length > 0, "requests were answered while the database was dead");
    assert.deepEqual(Object.keys(outcomes(inOutage)), ["503"], "dead: 503 with Retry-After, and nothing else");
    assert.deepEqual(Object.keys(seen).sort(), ["201", "202", "503"], `in all: ${JSON.stringify(seen)}`);
    const acknowledged = load.asked.filter(isAcknowledged);
    const lost = await findLost(cluster.sql, acknowledged);
    assert.deepEqual(lost, [], `acknowledged and lost: ${lost.length} of ${acknowledged.length}`);
    const slowest = Math.max(...recoveries);
    assert.ok(slowest <= FULL_RATE_WITHIN_MS, `back to the full rate after ${Math.round(slowest)} ms`);
    return {
      kills,
      "requests/s": ratePerSecond,
      acknowledged: acknowledged.length,
      lost: lost.length,
      "503 with Retry-After": seen["503"] ?? 0,
      "full rate again after at most (ms)": Math.round(slowest),
    };
  });
}

export const r03: Row = {
  id: "R-03",
  title: "kill -9 of PostgreSQL, postmaster and children, under load",
  target:
    "30 kills: no acknowledged request lost; while it is dead 503 with Retry-After and nothing else; full rate within 15 s, without a restart of ours",
  engines: ["postgres", "postgres+redis"],
  hasFaults: true,
  run,
  mutation: {
    why: "Commits are answered before they are durable (synchronous_commit=off).",
    edits: [
      {
        file: "packages/gateway/src/adapters/stores/postgres/connection.ts",
        find: 'plan_cache_mode: "force_generic_plan",',
        replace: 'plan_cache_mode: "force_generic_plan", synchronous_commit: "off",',
      },
    ],
  },
};
