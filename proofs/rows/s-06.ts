import assert from "node:assert/strict";
import { HOUR_MS, onStage, phoneAt, type Stage } from "../harness/gateway.ts";
import { type Call, clientAt, race, tally } from "../harness/http.ts";
import type { Figures, Row, RowOptions } from "../row.ts";

const USERS = 50;
const PER_HOUR = 5;
const COOLDOWN_SECONDS = 60;
const SEND = "/api/v1/auth/send-verification-sms";

const sendAs = ({ user }: Stage, number: string, index: number): Call => ({
  path: SEND,
  body: { otp_type: "SMS" },
  headers: { ...user(`user-${index % USERS}`, { phone_number: number }), ...clientAt(index) },
});

const moved = ({ rows }: Stage) => ({
  number: rows.count("select count(*) from sends where dimension = 'otp.number'"),
  subject: rows.count("select count(*) from sends where dimension = 'otp.subject'"),
  client: rows.count("select count(*) from sends where dimension = 'otp.client.bearer'"),
  block: rows.count("select count(*) from sends where dimension = 'otp.block'"),
  global: rows.count("select coalesce(sum(count), 0) from send_buckets where dimension = 'otp.global'"),
  all: rows.count("select count(*) from sends"),
  messages: rows.count("select count(*) from messages"),
});

const movedBy = (accepted: number): ReturnType<typeof moved> => ({
  number: accepted,
  subject: accepted,
  client: accepted,
  block: accepted,
  global: accepted,
  all: 4 * accepted,
  messages: accepted,
});

interface Expected {
  readonly accepted: number;
  readonly code: string;
  readonly retryAfterSeconds: number;
  readonly message: string;
}

async function flood(stage: Stage, sends: number, expected: Expected): Promise<void> {
  const number = phoneAt(6);
  const answers = await race(
    stage.url(),
    Array.from({ length: sends }, (_, i) => sendAs(stage, number, i)),
  );
  const { accepted, code, retryAfterSeconds, message } = expected;
  assert.deepEqual(tally(answers), { 200: accepted, [code]: sends - accepted });
  assert.equal(stage.carrier.ledger.length, accepted, "calls in the carrier's ledger");
  assert.equal(stage.carrier.sent(number).length, accepted, "messages in the carrier's ledger");
  assert.deepEqual(moved(stage), movedBy(accepted), "every dimension moved by what was accepted, and no more");
  for (const { status, retryAfter, body } of answers.filter((answer) => answer.status !== 200)) {
    assert.equal(status, 429);
    assert.equal(retryAfter, String(retryAfterSeconds), "Retry-After is exact");
    assert.equal(body["retry_after"], retryAfterSeconds);
    assert.equal(body["message"], message);
  }
}

/** One millisecond before the instant that `Retry-After` names it is still too early; at the instant it is not. */
async function holdToRetryAfter(stage: Stage, waitMs: number): Promise<void> {
  stage.advance(waitMs - 1);
  const early = await stage.ask(sendAs(stage, phoneAt(6), 0));
  assert.equal(early.status, 429, "too early by a millisecond");
  assert.equal(early.retryAfter, "1");
  stage.advance(1);
  assert.equal((await stage.ask(sendAs(stage, phoneAt(6), 0))).status, 200, "in time");
}

async function run({ size, report }: RowOptions): Promise<Figures> {
  const sends = size === "full" ? 500 : 150;
  await onStage({ OTP_COOLDOWN_SECONDS: "0" }, async (stage) => {
    await flood(stage, sends, {
      accepted: PER_HOUR,
      code: "rate_limited",
      retryAfterSeconds: HOUR_MS / 1000,
      message: "Ha pedido demasiados códigos. Intente de nuevo en 60 minutos",
    });
    await holdToRetryAfter(stage, HOUR_MS);
  });
  report("without cool-down");
  await onStage({}, async (stage) => {
    await flood(stage, sends, {
      accepted: 1,
      code: "cooldown",
      retryAfterSeconds: COOLDOWN_SECONDS,
      message: "Debe esperar 60 segundos entre envíos",
    });
    await holdToRetryAfter(stage, COOLDOWN_SECONDS * 1000);
  });
  return {
    "sends at once": sends,
    "accepted without cool-down": PER_HOUR,
    "refused without cool-down": sends - PER_HOUR,
    "accepted by default": 1,
    "refused by default": sends - 1,
  };
}

export const s06: Row = {
  id: "S-06",
  title: "Parallel sends to one number from many addresses and 50 users",
  target:
    "5 of 500 are accepted, 495 are 429 with an exact Retry-After, the ledger says 5; with the cool-down 1 and 499",
  run,
  mutation: {
    why: "Check, then act: the decision reads committed rows only, so sends of one commit do not see each other.",
    edits: [
      {
        file: "packages/gateway/src/adapters/stores/sqlite/sqlite-store.ts",
        find: "const book = createChargeBook(database);",
        replace: "const book = { ...createChargeBook(database), decide: createChargeBook(reader).decide };",
      },
    ],
  },
};
