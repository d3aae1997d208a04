import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSystemClock } from "../../src/adapters/system.ts";
import { startGateway } from "../start-gateway.ts";
import { type GatewayProcess, settingsFor, startProcess } from "./gateway-process.ts";
import { clientOf, createNumbers, loadUntilDeath, type Sent } from "./load.ts";

/** Five in every run of the tests; `CRASH_KILLS=20` for the whole proof. */
const KILLS = Number(process.env["CRASH_KILLS"] ?? 5);
const ROUND_MS = 12_000;
const CONNECTIONS = 32;
const READERS = 16;
/** Past every lease, well inside the life of a code. */
const AHEAD_MS = 60_000;
const LEFTOVERS_MS = 30_000;

let folder: string;
let databasePath: string;
let gateway: GatewayProcess | undefined;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "crash-"));
  databasePath = join(folder, "gateway.db");
});
afterAll(async () => {
  await gateway?.kill();
  rmSync(folder, { recursive: true, force: true });
});

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
/** Another moment in each round, between a tenth of a second and a second. */
const killAfterMs = (round: number): number => 100 + ((round * 337) % 900);

const select = (sql: string): readonly Record<string, unknown>[] => {
  const database = new DatabaseSync(databasePath, { readOnly: true });
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
};
const idsIn = (table: "verifications" | "messages"): ReadonlySet<unknown> =>
  new Set(select(`select id from ${table}`).map(({ id }) => id));

/** Acknowledged requests that another process does not find in the file. */
function lostIn(sent: readonly Sent[]): readonly Sent[] {
  const [verifications, messages] = [idsIn("verifications"), idsIn("messages")];
  return sent.filter(({ acknowledged: known }) => {
    if (known === null) return false;
    const { verificationId, messageId } = known;
    return !messages.has(messageId) || (verificationId !== null && !verifications.has(verificationId));
  });
}

/** Acknowledged requests that cannot be read over HTTP. */
async function missingOverHttp(running: GatewayProcess, sent: readonly Sent[]): Promise<readonly string[]> {
  const client = clientOf(running);
  const missing: string[] = [];
  const rest = sent.flatMap(({ acknowledged }) => (acknowledged === null ? [] : [acknowledged]));
  const read = async (): Promise<void> => {
    for (let one = rest.pop(); one !== undefined; one = rest.pop()) {
      const { verificationId, messageId } = one;
      const message = await client.getMessage(messageId);
      if (!message.ok || message.data.verificationId !== verificationId) missing.push(messageId);
      if (verificationId === null) continue;
      const verification = await client.getVerification(verificationId);
      const isThere = verification.ok && verification.data.timeline.some((entry) => entry.messageId === messageId);
      if (!isThere) missing.push(verificationId);
    }
  };
  await Promise.all(Array.from({ length: READERS }, read));
  return missing;
}

describe(`kill -9 under load, ${KILLS} times`, () => {
  const all: Sent[] = [];
  const numbers = createNumbers();

  it(
    "loses nothing that was acknowledged, and starts again without help",
    async () => {
      gateway = await startProcess({ databasePath, cwd: folder });
      for (let round = 0; round < KILLS; round++) {
        const loading = loadUntilDeath(gateway, CONNECTIONS, numbers);
        await sleep(killAfterMs(round));
        await gateway.kill();
        const sent = await loading;
        all.push(...sent);
        expect(sent.filter((one) => one.acknowledged !== null).length).toBeGreaterThan(0);

        gateway = await startProcess({ databasePath, cwd: folder });
        expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
        expect(await missingOverHttp(gateway, sent)).toEqual([]);
        expect(lostIn(all)).toEqual([]);
      }
      expect(all.filter(({ acknowledged }) => acknowledged !== null).length).toBeGreaterThan(KILLS * CONNECTIONS);
    },
    KILLS * ROUND_MS,
  );

  it("sends nothing twice when a request that got no answer is repeated with its key", async () => {
    if (gateway === undefined) throw new Error("the gateway of the last round runs");
    const client = clientOf(gateway);
    const unanswered = all.filter((one) => one.acknowledged === null && one.idempotencyKey !== undefined);
    expect(unanswered.length).toBeGreaterThan(0);
    for (const one of unanswered) {
      const answer = await one.retry(client);
      // The lease of a process that died before its commit runs for half a minute.
      if (!answer.ok) expect(answer.error.code).toBe("idempotency_running");
    }
    await gateway.kill();
    const twice = select(
      "select to_address, count(*) as n from messages where to_address not like '+57300555%' group by to_address having n > 1",
    );
    expect(twice).toEqual([]);
  }, 30_000);

  it(
    "leaves no message under way: each ends, as unknown when nobody can know",
    async () => {
      const underWay = () => Number(select("select count(*) as n from messages where due_at is not null")[0]?.["n"]);
      expect(underWay()).toBeGreaterThan(0);
      const clock = createSystemClock({ wallMs: () => Date.now() + AHEAD_MS, steadyMs: () => performance.now() });
      const later = await startGateway(settingsFor(databasePath), { clock });
      try {
        const until = Date.now() + LEFTOVERS_MS;
        while (underWay() > 0 && Date.now() < until) await sleep(200);
      } finally {
        await later.stop();
      }
      expect(underWay()).toBe(0);
      const states = select("select distinct state from messages").map(({ state }) => state);
      expect(states).not.toContain("queued");
      expect(states).not.toContain("sending");
    },
    LEFTOVERS_MS + 20_000,
  );

  it("called the carrier at most twice for a code and once for a notification, and for each message that it calls sent", () => {
    const calls = select(
      `select m.lane, m.state, m.attempts, count(i.seq) as calls from messages m left join inbox i on i.message_id = m.id
       group by m.id`,
    );
    expect(calls.length).toBeGreaterThan(0);
    const tooMany = calls.filter(({ lane, calls: n }) => Number(n) > (lane === "otp" ? 2 : 1));
    expect(tooMany).toEqual([]);
    const never = calls.filter(({ state, calls: n }) => (state === "sent" || state === "delivered") && n === 0);
    expect(never).toEqual([]);
  });
});
