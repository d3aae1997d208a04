import assert from "node:assert/strict";
import { Agent } from "node:http";
import { CALLS_AT_ONCE } from "../../packages/gateway/src/domain/delivery.ts";
import { onCluster } from "../harness/cluster.ts";
import { callsByNumber, pause } from "../harness/cluster-load.ts";
import { NO_LIMITS, phoneAt } from "../harness/gateway.ts";
import { createAsk } from "../harness/http.ts";
import type { Figures, Row, RowOptions } from "../row.ts";

const LEASE_MS = 30_000;
/** Longer than it takes to halt a process whose calls are under way, shorter than its patience. */
const CARRIER_MS = 4_000;
const WITHIN_MS = 30_000;
/** What a process that was woken needs to make its mistakes. */
const AWAKE_MS = 3_000;

interface MessageRow extends Readonly<Record<string, unknown>> {
  readonly to_address: string;
  readonly lane: string;
  readonly state: string;
  readonly attempts: number;
  readonly unknown_attempts: number;
}

async function until(isTrue: () => Promise<boolean> | boolean, what: string): Promise<void> {
  const giveUpAt = performance.now() + WITHIN_MS;
  while (!(await isTrue())) {
    assert.ok(performance.now() < giveUpAt, `in time: ${what}`);
    await pause(50);
  }
}

async function run({ size, engine }: RowOptions): Promise<Figures> {
  if (engine === "sqlite") throw new Error("one process alone has no lease to lose");
  const isFull = size === "full";
  // As many as a process calls at a time: it claims no more, so that none waits in the memory of one that dies.
  const { otp, notification } = CALLS_AT_ONCE;
  const { codes, notifications } = isFull
    ? { codes: otp, notifications: notification }
    : { codes: 20, notifications: 10 };
  return onCluster(
    { engine, env: NO_LIMITS, apis: 1, workers: 2 },
    async ({ carrier, sql, clock, key, ...cluster }) => {
      const [api, zombie, heir] = [...cluster.apis, ...cluster.workers];
      const [apiProcess, zombieProcess] = [api?.current(), zombie?.current()];
      if (apiProcess == null || zombieProcess == null || heir === undefined) throw new Error("three processes");
      await heir.empty();
      carrier.behave({ kind: "slow", delayMs: CARRIER_MS });
      const agent = new Agent({ keepAlive: true });
      const ask = createAsk(() => apiProcess.url, agent);
      const total = codes + notifications;
      await Promise.all(
        Array.from({ length: total }, async (_, i) => {
          const body =
            i < codes
              ? { path: "/v1/verifications", body: { to: phoneAt(i), channel: "sms" } }
              : { path: "/v1/messages", body: { to: phoneAt(i), category: "transactional", text: "Pedido" } };
          const { status, text } = await ask({ ...body, headers: key() });
          assert.ok(status === 201 || status === 202, text);
        }),
      );
      agent.destroy();
      const claimed = () => sql.count("select count(*) from messages where state = 'sending'");
      await until(async () => (await claimed()) === total, "all are begun");
      await until(() => carrier.ledger.length === total, "the calls are under way");

      // Both senders stop in the middle of their calls: the API process with its codes, the worker with notifications.
      apiProcess.signal("SIGSTOP");
      zombieProcess.signal("SIGSTOP");
      const haltedAt = performance.now();
      carrier.heal();
      if (isFull) await pause(LEASE_MS + 2_000);
      else await clock.set(LEASE_MS + 1_000);
      await heir.fill();
      const left = () => sql.count("select count(*) from messages where due_at is not null");
      await until(async () => (await left()) === 0, "somebody else ends what they began");

      const read = () =>
        sql.all<MessageRow>(
          "select to_address, lane, state, attempts, unknown_attempts, error_code from messages order by to_address",
        );
      const events = () => sql.count("select count(*) from events");
      const [before, eventsBefore, callsBefore] = [await read(), await events(), carrier.ledger.length];
      for (const { lane, state, attempts, unknown_attempts } of before) {
        assert.equal(unknown_attempts, 1, "the lost attempt is booked as unknown");
        const expected = lane === "otp" ? { state: "sent", attempts: 2 } : { state: "unknown", attempts: 1 };
        assert.deepEqual({ state, attempts }, expected, lane);
      }
      apiProcess.signal("SIGCONT");
      zombieProcess.signal("SIGCONT");
      const haltedMs = performance.now() - haltedAt;
      await pause(AWAKE_MS);
      assert.ok(apiProcess.isRunning() && zombieProcess.isRunning(), "they live on");
      assert.deepEqual(await read(), before, "what the woken ones say is refused");
      assert.equal(await events(), eventsBefore, "and told to nobody");
      assert.equal(carrier.ledger.length, callsBefore, "and they call nobody");
      const calls = callsByNumber(carrier);
      for (const { to_address, lane } of before) {
        const count = calls.get(to_address) ?? 0;
        if (lane === "otp") assert.equal(count, 2, "a code goes out once more");
        else assert.ok(count <= 1, "a notification never does");
      }
      return {
        codes,
        notifications,
        "halted for (s)": Math.round(haltedMs / 1_000),
        "completions refused": total,
        "codes called for twice": codes,
        "notifications called for twice": 0,
        "calls after waking": 0,
      };
    },
  );
}

export const r04: Row = {
  id: "R-04",
  title: "A process is halted in mid-send for longer than its lease, and wakes up",
  target: "what it says of its attempt is refused; one extra call per code at the most, none per notification",
  engines: ["postgres", "postgres+redis"],
  hasFaults: true,
  run,
  mutation: {
    why: "Whoever ends an attempt is believed, whosever attempt it is by now.",
    edits: [
      {
        file: "packages/gateway/src/adapters/stores/postgres/moves.ts",
        find: "from n where m.id = n.id and m.attempts = n.seen_attempts and m.state = n.seen_state",
        replace: "from n where m.id = n.id",
      },
    ],
  },
};
