import assert from "node:assert/strict";
import { NO_LIMITS, onStage, phoneAt, type Stage } from "../harness/gateway.ts";
import { type Answer, abandon, type Call, race } from "../harness/http.ts";
import { ENGINES, type Figures, type Row, type RowOptions } from "../row.ts";

const LEASE_SECONDS = 30;
const SLOW_MS = 20_000;

interface Route {
  readonly name: string;
  readonly status: number;
  readonly call: (stage: Stage, number: string, idempotencyKey: string) => Call;
  /** The same key with another body. */
  readonly otherBody: (call: Call) => Call;
}

const ROUTES: readonly Route[] = [
  {
    name: "codes (A)",
    status: 200,
    call: ({ user }, number, idempotencyKey) => ({
      path: "/api/v1/auth/send-verification-sms",
      body: { otp_type: "SMS" },
      headers: { ...user(`user-${number}`, { phone_number: number }), "idempotency-key": idempotencyKey },
    }),
    otherBody: (call) => ({ ...call, body: { otp_type: "SMS", extra: 1 } }),
  },
  {
    name: "codes (B)",
    status: 201,
    call: ({ key }, number, idempotencyKey) => ({
      path: "/v1/verifications",
      body: { to: number, channel: "sms" },
      headers: { ...key(), prefer: "wait=10", "idempotency-key": idempotencyKey },
    }),
    otherBody: (call) => ({ ...call, body: { to: phoneAt(999_000), channel: "sms" } }),
  },
  {
    name: "notifications (B)",
    status: 202,
    call: ({ key }, number, idempotencyKey) => ({
      path: "/v1/messages",
      body: { to: number, category: "transactional", text: "Su pedido va en camino" },
      headers: { ...key(), "idempotency-key": idempotencyKey },
    }),
    otherBody: (call) => ({ ...call, body: { to: phoneAt(999_001), category: "transactional", text: "Otra cosa" } }),
  },
];

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const isRunning = ({ body }: Answer): boolean => body["code"] === "idempotency_running";

/** What `Retry-After` may say: nothing ran longer than this row does. */
function assertRunning(answer: Answer): void {
  assert.equal(answer.status, 409);
  assert.equal(answer.retryAfter, String(LEASE_SECONDS), "409 says when to come again");
  assert.equal(answer.body["retry_after"], LEASE_SECONDS);
}

/** Until the carrier has answered, a code is "on its way" (202); afterwards its answer stands. */
const isOnItsWay = ({ status, body }: Answer): boolean =>
  status === 202 ? body["success"] === true : isRecord(body["message"]) && body["message"]["state"] === "sending";

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

/** Repeats a call until its answer stands, or until somebody has one when the carrier never gives it. */
async function settle({ ask }: Stage, call: Call, until: "carrier" | "commit" = "carrier"): Promise<Answer> {
  for (let patience = 200; patience > 0; patience--) {
    const answer = await ask(call);
    if (isRunning(answer)) assertRunning(answer);
    else if (until === "commit" || !isOnItsWay(answer)) return answer;
    await pause(20);
  }
  throw new Error("the answer never came");
}

async function assertOneMessage({ rows, carrier }: Stage, number: string, what: string): Promise<void> {
  for (let patience = 200; carrier.sent(number).length === 0 && patience > 0; patience--) await pause(10);
  assert.equal(
    await rows.count("select count(*) from messages where to_address = ?", number),
    1,
    `${what}: one message`,
  );
  assert.equal(carrier.sent(number).length, 1, `${what}: once in the carrier's ledger`);
}

/** @returns how many were told that it is still running */
async function parallel(stage: Stage, { call, otherBody, status }: Route, number: string): Promise<number> {
  const asked = call(stage, number, `parallel-${number}`);
  const answers = await race(
    stage.urls(),
    Array.from({ length: 100 }, () => asked),
  );
  const running = answers.filter(isRunning);
  running.forEach(assertRunning);
  const done = answers.filter((answer) => !isRunning(answer));
  const replay = await settle(stage, asked);
  assert.equal(replay.status, status, replay.text);
  assert.ok(done.length >= 1, "somebody was answered");
  for (const answer of done) assert.ok(answer.status === status || isOnItsWay(answer), answer.text);
  const ids = new Set([...done, replay].map(({ body }) => body["id"] ?? "no id on surface A"));
  assert.equal(ids.size, 1, "everybody has the same one");
  const again = await settle(stage, asked);
  assert.equal(again.text, replay.text, "the same body, byte for byte");
  const other = await stage.ask(otherBody(asked));
  assert.equal(other.status, 422, other.text);
  await assertOneMessage(stage, number, "parallel");
  return running.length;
}

/** The first request's connection breaks before its answer; the second gets that answer. */
async function lost(stage: Stage, { call, status }: Route, number: string): Promise<void> {
  const asked = call(stage, number, `lost-${number}`);
  await abandon(stage.url(), asked, Number(number.slice(-2)) % 8);
  const answer = await settle(stage, asked);
  assert.equal(answer.status, status, answer.text);
  assert.equal((await settle(stage, asked)).text, answer.text);
  await assertOneMessage(stage, number, "lost answer");
}

/** The processes die when the commit is there and the answer is not. */
async function crashed(stage: Stage, { call, status }: Route, number: string): Promise<void> {
  stage.carrier.behave({ kind: "slow", delayMs: SLOW_MS }, { to: number });
  const asked = call(stage, number, `crash-${number}`);
  const first = stage.ask(asked).catch(() => null);
  for (let patience = 500; stage.carrier.sent(number).length === 0 && patience > 0; patience--) await pause(5);
  await assertOneMessage(stage, number, "before the crash");
  await stage.crash();
  const before = await first;
  const retried = call(stage, number, `crash-${number}`);
  const answer = await settle(stage, retried, "commit");
  if (before === null) assert.ok(answer.status === status || isOnItsWay(answer), answer.text);
  else assert.equal(answer.text, before.text, "the answer that had gone out");
  assert.equal((await settle(stage, retried, "commit")).text, answer.text);
  await assertOneMessage(stage, number, "after the crash");
  stage.carrier.heal();
}

async function run(options: RowOptions): Promise<Figures> {
  const { size, report } = options;
  const { rounds, losses, crashes } =
    size === "full" ? { rounds: 30, losses: 200, crashes: 10 } : { rounds: 1, losses: 10, crashes: 1 };
  return onStage({ ...options, env: NO_LIMITS }, async (stage) => {
    let number = 0;
    let told = 0;
    for (const route of ROUTES) {
      for (let i = 0; i < rounds; i++) told += await parallel(stage, route, phoneAt(++number));
      for (let i = 0; i < losses; i++) await lost(stage, route, phoneAt(++number));
      for (let i = 0; i < crashes; i++) await crashed(stage, route, phoneAt(++number));
      report(route.name);
    }
    assert.ok(told > 0, "somebody was told that it was still running");
    return {
      "races of 100": rounds * ROUTES.length,
      "told 409": told,
      "lost answers": losses * ROUTES.length,
      "crashes before the answer": crashes * ROUTES.length,
      "messages for each key": 1,
    };
  });
}

export const r08: Row = {
  id: "R-08",
  title: "One Idempotency-Key: in parallel, after a lost answer, with another body, after a crash",
  engines: ENGINES,
  covers: ["R-02"],
  target: "1 message, never 2; the same id and body; 422 for another body; 409 with Retry-After while it runs",
  run,
  mutation: {
    why: "The key is claimed when the work is done. Two lines: the work moves before the claim.",
    edits: [
      {
        file: "packages/gateway/src/services/idempotency.ts",
        find: "const claim = await store.claimKey({ key, request, now: clock.now() });",
        replace:
          "const early = await act(key); const claim = await store.claimKey({ key, request, now: clock.now() });",
      },
      {
        file: "packages/gateway/src/services/idempotency.ts",
        find: "result = await act(key);",
        replace: "result = early;",
      },
    ],
  },
};
