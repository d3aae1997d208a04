import assert from "node:assert/strict";
import { Agent } from "node:http";
import { type Cluster, onCluster } from "../harness/cluster.ts";
import { createCodeSeeker, pause } from "../harness/cluster-load.ts";
import { NO_LIMITS, phoneAt, wrongCode } from "../harness/gateway.ts";
import { type Answer, type Ask, type Call, createAsk } from "../harness/http.ts";
import type { Figures, Row, RowOptions } from "../row.ts";

const BACK_WITHIN_MS = 15_000;
/** Longer than a process remembers an API key without asking. */
const KEYS_FORGOTTEN_MS = 5_500;

interface Outage {
  readonly name: string;
  readonly isDatabaseDown: boolean;
  begin(cluster: Cluster): Promise<void>;
  end(cluster: Cluster): Promise<void>;
}

const DATABASE: Outage = {
  name: "the database",
  isDatabaseDown: true,
  begin: ({ postgres }) => postgres.kill(),
  end: ({ postgres }) => postgres.start(),
};
const REDIS: Outage = {
  name: "Redis",
  isDatabaseDown: false,
  begin: async ({ redis }) => redis?.kill(),
  end: async ({ redis }) => redis?.restart(),
};
const BOTH: Outage = {
  name: "both",
  isDatabaseDown: true,
  begin: async (cluster) => void (await Promise.all([DATABASE.begin(cluster), REDIS.begin(cluster)])),
  end: async (cluster) => void (await Promise.all([DATABASE.end(cluster), REDIS.end(cluster)])),
};

/** A live verification and its code. */
interface Live {
  readonly id: string;
  readonly to: string;
  readonly code: string;
}

const sends = ({ key }: Cluster, to: string): readonly Call[] => [
  { path: "/v1/verifications", body: { to, channel: "sms" }, headers: key() },
  { path: "/v1/verifications", body: { to, channel: "sms" }, headers: { ...key(), "idempotency-key": `key-${to}` } },
  { path: "/v1/messages", body: { to, category: "transactional", text: "Su pedido va en camino" }, headers: key() },
  { path: "/api/v1/auth/send-verification-sms", body: { telefono: to } },
  { path: "/api/v1/sms/notifications", body: { phone_number: to, message: "Su pedido" }, headers: key() },
];

function assertRefused(answer: Answer, what: string): void {
  assert.equal(answer.status, 503, `${what}: ${answer.status} ${answer.text}`);
  assert.match(answer.retryAfter ?? "", /^[1-9]\d*$/, `${what}: Retry-After`);
}

/** Asks every process for something until all do it. */
async function waitUntilServed(cluster: Cluster, ask: (url: string) => Promise<boolean>): Promise<number> {
  const backAt = performance.now();
  for (const url of cluster.urls()) {
    while (!(await ask(url))) {
      assert.ok(performance.now() - backAt < BACK_WITHIN_MS, "served again");
      await pause(50);
    }
  }
  return performance.now() - backAt;
}

async function run({ size, engine, report }: RowOptions): Promise<Figures> {
  if (engine === "sqlite") throw new Error("the file and the process are one");
  const { times, rounds, wait } =
    size === "full" ? { times: 40, rounds: 5, wait: KEYS_FORGOTTEN_MS } : { times: 3, rounds: 1, wait: 0 };
  return onCluster({ engine, env: NO_LIMITS, workers: 1 }, async (cluster) => {
    const { carrier, sql, key } = cluster;
    const agent = new Agent({ keepAlive: true });
    const asks = cluster.urls().map((url): Ask => createAsk(() => url, agent));
    const codeOf = createCodeSeeker(cluster);
    let number = 0;
    let turn = 0;
    const ask: Ask = (call) => (asks[turn++ % asks.length] as Ask)(call);
    /** What a round needs; a process that is ready again may still refuse for a moment, and says so. */
    const start = async (): Promise<Live> => {
      const to = phoneAt(number++);
      const call: Call = { path: "/v1/verifications", body: { to, channel: "sms" }, headers: key() };
      const giveUpAt = performance.now() + BACK_WITHIN_MS;
      for (;;) {
        const { status, body, text } = await ask(call);
        if (status === 201) return { id: String(body["id"]), to, code: await codeOf(to) };
        assert.ok(status === 503 && performance.now() < giveUpAt, text);
        await pause(50);
      }
    };
    const check = ({ id }: Live, code: string): Promise<Answer> =>
      ask({ path: `/v1/verifications/${id}/check`, body: { code }, headers: key() });

    let refused = 0;
    let decided = 0;
    let slowest = 0;
    for (const outage of engine === "postgres" ? [DATABASE] : [DATABASE, REDIS, BOTH]) {
      for (let round = 0; round < rounds; round++) {
        const live: Live[] = [];
        for (let i = 0; i < 3 * times; i++) live.push(await start());
        await pause(200);
        const before = carrier.ledger.length;
        await outage.begin(cluster);
        await pause(wait);
        for (let i = 0; i < times; i++) {
          for (const call of sends(cluster, phoneAt(number++))) {
            assertRefused(await ask(call), `${outage.name} is down: ${call.path}`);
            refused++;
          }
          const [one, other, third] = live.slice(3 * i);
          if (one === undefined || other === undefined || third === undefined) throw new Error("three for each");
          const wrong = await check(one, wrongCode(one.code, 1));
          const right = await check(one, one.code);
          const open = await ask({
            path: "/api/v1/auth/verify-phone-otp",
            body: { telefono: other.to, otp: other.code },
          });
          const cancel = await ask({ path: `/v1/verifications/${third.id}/cancel`, headers: key() });
          const answers = { wrong, right, open, cancel };
          if (outage.isDatabaseDown) {
            for (const [name, answer] of Object.entries(answers))
              assertRefused(answer, `${outage.name} is down: ${name}`);
            refused += 4;
          } else {
            // Guesses are the database's: they are decided as always.
            const codes = Object.values(answers).map(({ status, body }) => body["code"] ?? body["status"] ?? status);
            assert.deepEqual(codes, ["code_incorrect", "approved", 200, "canceled"]);
            decided += 4;
          }
        }
        assert.equal(carrier.ledger.length, before, `${outage.name} is down: calls to the carrier`);
        await outage.end(cluster);
        const probe: Call = { method: "GET", path: "/readyz" };
        const backMs = await waitUntilServed(
          cluster,
          async (url) => (await createAsk(() => url, agent)(probe)).status === 200,
        );
        slowest = Math.max(slowest, backMs);
        const ids = live.map(({ id }) => id);
        const approved = await sql.count(
          "select count(*) from verifications where id = any($1) and status = 'approved'",
          [ids],
        );
        assert.equal(approved, outage.isDatabaseDown ? 0 : 2 * times, `${outage.name} was down: approved meanwhile`);
        if (outage.isDatabaseDown) {
          // Nothing was lost, and nothing was spent either.
          for (const one of live) assert.equal((await check(one, one.code)).body["attemptsRemaining"], 4);
        }
      }
      report(outage.name);
    }
    agent.destroy();
    return {
      "refused (503 with Retry-After)": refused,
      "SMS meanwhile": 0,
      "approved without the database": 0,
      "decided without Redis": decided,
      "ready again after at most (ms)": Math.round(slowest),
    };
  });
}

export const r10: Row = {
  id: "R-10",
  title: "Database, Redis, both are down",
  target:
    "whatever needs what is down is refused with 503 and Retry-After, 100 %; 0 SMS, 0 successes; without Redis guesses are decided as always",
  engines: ["postgres", "postgres+redis"],
  hasFaults: true,
  run,
  mutation: {
    why: "A limiter that cannot decide lets everything through.",
    edits: [
      {
        file: "packages/gateway/src/services/limits.ts",
        find: "const refusal = await limiter.reserve({ id, charges, channel, now });",
        replace: "const refusal = await limiter.reserve({ id, charges, channel, now }).catch(() => null);",
        engines: ["postgres+redis"],
      },
    ],
  },
};
