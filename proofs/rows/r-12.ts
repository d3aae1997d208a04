import assert from "node:assert/strict";
import { onCluster } from "../harness/cluster.ts";
import { findLost, pause, sendAlternately } from "../harness/cluster-load.ts";
import { NO_LIMITS } from "../harness/gateway.ts";
import { isAcknowledged, outcomes, startLoad } from "../harness/open-load.ts";
import type { Figures, Row, RowOptions } from "../row.ts";

const LIMIT_MS = 10_000;

async function run({ size, engine }: RowOptions): Promise<Figures> {
  if (engine === "sqlite") throw new Error("there is no connection to a file");
  const { holes, holeMs, ratePerSecond } =
    size === "full" ? { holes: 3, holeMs: 20_000, ratePerSecond: 200 } : { holes: 1, holeMs: 7_000, ratePerSecond: 60 };
  return onCluster({ engine, env: NO_LIMITS, isProxied: true, workers: 1 }, async (cluster) => {
    const { databaseProxy, urls } = cluster;
    let slowest = 0;
    let recovery = 0;
    let refused = 0;
    let serial = 0;
    const callOf = sendAlternately(cluster);
    for (let hole = 0; hole < holes; hole++) {
      const load = startLoad({ ratePerSecond, urls, callOf: () => callOf(serial++) });
      await pause(2_000);
      await databaseProxy.set({ kind: "blackHole" });
      const deadAt = performance.now();
      await pause(holeMs);
      await databaseProxy.set({ kind: "none" });
      const backAt = performance.now();
      // Long enough to see the last request that hangs, and the first second in which all are served.
      await pause(LIMIT_MS / 2);
      await load.stop();

      const during = load.asked.filter(({ askedAt }) => askedAt >= deadAt && askedAt < backAt);
      const answeredInside = during.filter(({ answeredAt }) => answeredAt < backAt);
      assert.deepEqual(Object.keys(outcomes(answeredInside)), ["503"], "half open: 503 with Retry-After, nothing else");
      assert.deepEqual(Object.keys(outcomes(load.asked)).sort(), ["201", "202", "503"], "in all");
      slowest = Math.max(slowest, ...load.asked.map(({ askedAt, answeredAt }) => answeredAt - askedAt));
      const late = load.asked.filter((one) => one.askedAt >= backAt && !isAcknowledged(one));
      recovery = Math.max(recovery, ...late.map(({ askedAt }) => askedAt - backAt));
      refused += during.length;
      const after = load.asked.filter(({ askedAt }) => askedAt >= backAt);
      assert.ok(after.some(isAcknowledged), "served again");
      assert.deepEqual(await findLost(cluster.sql, load.asked.filter(isAcknowledged)), [], "acknowledged and lost");
    }
    assert.ok(slowest <= LIMIT_MS, `a request hung for ${Math.round(slowest)} ms`);
    assert.ok(recovery <= LIMIT_MS, `requests were refused until ${Math.round(recovery)} ms after the hole`);
    return {
      holes,
      "asked into the hole": refused,
      "slowest answer (ms)": Math.round(slowest),
      "all served again after at most (ms)": Math.round(recovery),
    };
  });
}

export const r12: Row = {
  id: "R-12",
  title: "Half-open connections to PostgreSQL: everything is accepted, and nothing comes back",
  target: "every request is answered 503 with Retry-After within 10 s, and all are served within 10 s after it",
  engines: ["postgres", "postgres+redis"],
  hasFaults: true,
  run,
  mutation: {
    why: "Nobody gives up a statement that is not answered.",
    edits: [
      {
        file: "packages/gateway/src/adapters/stores/postgres/connection.ts",
        find: "query_timeout: ANSWER_TIMEOUT_MS,",
        replace: "",
      },
    ],
  },
};
