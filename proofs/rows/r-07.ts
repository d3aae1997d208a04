import assert from "node:assert/strict";
import { type Cluster, onCluster, type Place } from "../harness/cluster.ts";
import { startBalancer } from "../harness/cluster-balancer.ts";
import { callsByNumber, findLost, pause, sendAlternately } from "../harness/cluster-load.ts";
import type { GatewayProcess } from "../harness/cluster-process.ts";
import { NO_LIMITS } from "../harness/gateway.ts";
import { isAcknowledged, outcomes, startLoad } from "../harness/open-load.ts";
import type { Figures, Row, RowOptions } from "../row.ts";

const CARRIER_MS = 80;
const END_WITHIN_MS = 25_000;
const SETTLE_MS = 1_000;
const LEFT_WITHIN_MS = 20_000;

async function terminate(running: GatewayProcess): Promise<number> {
  const toldAt = performance.now();
  running.signal("SIGTERM");
  const end = await Promise.race([running.ended, pause(END_WITHIN_MS).then(() => null)]);
  assert.ok(end !== null, `a ${running.role} still ran ${END_WITHIN_MS} ms after SIGTERM`);
  assert.deepEqual(end, { code: 0, signal: null }, `how a ${running.role} ended: ${running.said()}`);
  return performance.now() - toldAt;
}

/** Ends what runs in a place as an orchestrator does, and starts the next one when it is gone. */
async function restart(place: Place): Promise<number> {
  const running = place.current();
  if (running === null) throw new Error("nothing runs there");
  const tookMs = await terminate(running);
  await place.fill();
  return tookMs;
}

/** Waits until workers have sent everything. */
async function waitForSends({ sql }: Cluster): Promise<void> {
  const giveUpAt = performance.now() + LEFT_WITHIN_MS;
  const left = () => sql.count("select count(*) from messages where state in ('queued', 'sending')");
  while ((await left()) > 0 && performance.now() < giveUpAt) await pause(100);
}

async function run({ size, engine, report }: RowOptions): Promise<Figures> {
  if (engine === "sqlite") throw new Error("a rolling restart needs two processes");
  const { rounds, ratePerSecond } =
    size === "full" ? { rounds: 10, ratePerSecond: 300 } : { rounds: 1, ratePerSecond: 100 };
  return onCluster({ engine, env: NO_LIMITS }, async (cluster) => {
    const { carrier, apis, workers } = cluster;
    carrier.behave({ kind: "slow", delayMs: CARRIER_MS });
    const balancer = startBalancer(cluster.urls);
    await pause(SETTLE_MS);
    const load = startLoad({ ratePerSecond, urls: balancer.urls, callOf: sendAlternately(cluster) });
    await pause(SETTLE_MS);
    let slowest = 0;
    for (let round = 0; round < rounds; round++) {
      for (const place of [...apis, ...workers]) {
        slowest = Math.max(slowest, await restart(place));
        await pause(SETTLE_MS);
      }
      report(`round ${round + 1}, ${load.asked.length} requests`);
    }
    await load.stop();
    balancer.stop();
    await waitForSends(cluster);

    const seen = outcomes(load.asked);
    assert.deepEqual(Object.keys(seen).sort(), ["201", "202"], `all requests were taken: ${JSON.stringify(seen)}`);
    const acknowledged = load.asked.filter(isAcknowledged);
    assert.deepEqual(await findLost(cluster.sql, acknowledged), [], "acknowledged and lost");
    const calls = callsByNumber(carrier);
    assert.equal(calls.size, acknowledged.length, "each was sent");
    assert.deepEqual(
      [...calls].filter(([, count]) => count !== 1),
      [],
      "and once",
    );
    const unsent = await cluster.sql.count("select count(*) from messages where state <> 'sent' or attempts <> 1");
    assert.equal(unsent, 0, "the database says so too");
    const { turns, abrupt } = balancer.seen();
    assert.equal(turns, rounds * apis.length, "each API process said that it is not ready");
    assert.equal(abrupt, 0, "none stopped listening before it said so");
    return {
      "processes restarted": rounds * (apis.length + workers.length),
      "requests/s": ratePerSecond,
      requests: acknowledged.length,
      failed: 0,
      "sent twice": 0,
      "exit code 0 after at most (ms)": Math.round(slowest),
    };
  });
}

export const r07: Row = {
  id: "R-07",
  title: "SIGTERM under load: a rolling restart of every process",
  target: "10 rounds at 500/s: 0 failed requests, 0 sent twice, exit code 0 within 25 s, readiness goes first",
  engines: ["postgres", "postgres+redis"],
  hasFaults: true,
  run,
  mutation: {
    why: "The process ends at once when it is told to stop.",
    edits: [{ file: "packages/gateway/src/main.ts", find: "if (isStopping) return;", replace: "process.exit(0);" }],
  },
};
