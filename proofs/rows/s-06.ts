import assert from "node:assert/strict";
import { HOUR_MS, onStage, phoneAt, type Stage } from "../harness/gateway.ts";
import { type Call, clientAt, race, tally } from "../harness/http.ts";
import { readCounters } from "../harness/redis-counters.ts";
import { ENGINES, type Engine, type Figures, type Row, type RowOptions } from "../row.ts";

const USERS = 50;
const PER_HOUR = 5;
const COOLDOWN_SECONDS = 60;
/** A two-hundredth of the default cap over all numbers. */
const SLICE = 5;
const MOVED = "every dimension moved by what was accepted, and no more";
const SEND = "/api/v1/auth/send-verification-sms";

const sendAs = ({ user }: Stage, number: string, index: number): Call => ({
  path: SEND,
  body: { otp_type: "SMS" },
  headers: { ...user(`user-${index % USERS}`, { phone_number: number }), ...clientAt(index) },
});

const inSql = async ({ rows }: Stage) => {
  const count = (dimension: string) => rows.count("select count(*) from sends where dimension = ?", dimension);
  return {
    "otp.number": await count("otp.number"),
    "otp.subject": await count("otp.subject"),
    "otp.client.bearer": await count("otp.client.bearer"),
    "otp.block": await count("otp.block"),
    all: await rows.count("select count(*) from sends"),
    messages: await rows.count("select count(*) from messages"),
  };
};

const leased = ({ rows }: Stage): Promise<number> =>
  rows.count("select coalesce(sum(count), 0) from send_buckets where dimension = 'otp.global'");

/** Without Redis all dimensions are rows. On PostgreSQL each process leases units of the cap that all share before it uses them. */
async function assertMovedInSql(stage: Stage, accepted: number, engine: Engine): Promise<void> {
  const each = {
    "otp.number": accepted,
    "otp.subject": accepted,
    "otp.client.bearer": accepted,
    "otp.block": accepted,
  };
  assert.deepEqual(await inSql(stage), { ...each, all: 4 * accepted, messages: accepted }, MOVED);
  if (engine === "sqlite") assert.equal(await leased(stage), accepted, MOVED);
  else await assertLeased(stage, accepted);
}

/** What a batch leased for sends that were refused goes back in a commit of its own. */
async function assertLeased(stage: Stage, accepted: number): Promise<void> {
  const most = accepted + stage.urls().length * (SLICE + 1);
  let units = await leased(stage);
  for (let patience = 100; units > most && patience > 0; patience--) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    units = await leased(stage);
  }
  assert.ok(accepted <= units && units <= most, `${units} units of the cap are leased for ${accepted} sends`);
}

/** With Redis it holds all dimensions, and the database again those that protect a person. */
async function assertMovedInRedis(stage: Stage, redisUrl: string, accepted: number): Promise<void> {
  const personal = { "otp.number": accepted, "otp.subject": accepted };
  const others = { "otp.client.bearer": 0, "otp.block": 0, all: 2 * accepted, messages: accepted };
  assert.deepEqual(await inSql(stage), { ...personal, ...others }, MOVED);
  assert.equal(await leased(stage), 0, "the cap is counted in Redis alone");
  const each = { "otp.client.bearer": accepted, "otp.block": accepted, "otp.global": accepted };
  assert.deepEqual(await readCounters(redisUrl), { ...personal, ...each }, MOVED);
}

interface Expected {
  readonly engine: Engine;
  readonly sends: number;
  readonly accepted: number;
  readonly code: string;
  readonly retryAfterSeconds: number;
  readonly message: string;
}

async function flood(stage: Stage, { sends, engine, ...expected }: Expected): Promise<void> {
  const number = phoneAt(6);
  const answers = await race(
    stage.urls(),
    Array.from({ length: sends }, (_, i) => sendAs(stage, number, i)),
  );
  const { accepted, code, retryAfterSeconds, message } = expected;
  assert.deepEqual(tally(answers), { 200: accepted, [code]: sends - accepted });
  assert.equal(stage.carrier.ledger.length, accepted, "calls in the carrier's ledger");
  assert.equal(stage.carrier.sent(number).length, accepted, "messages in the carrier's ledger");
  if (stage.redisUrl === null) await assertMovedInSql(stage, accepted, engine);
  else await assertMovedInRedis(stage, stage.redisUrl, accepted);
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

async function run(options: RowOptions): Promise<Figures> {
  const { size, engine, report } = options;
  const sends = size === "full" ? 500 : 150;
  await onStage({ ...options, env: { OTP_COOLDOWN_SECONDS: "0" } }, async (stage) => {
    await flood(stage, {
      ...{ engine, sends },
      accepted: PER_HOUR,
      code: "rate_limited",
      retryAfterSeconds: HOUR_MS / 1000,
      message: "Ha pedido demasiados códigos. Intente de nuevo en 60 minutos",
    });
    await holdToRetryAfter(stage, HOUR_MS);
  });
  report("without cool-down");
  await onStage(options, async (stage) => {
    await flood(stage, {
      ...{ engine, sends },
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
  engines: ENGINES,
  covers: ["R-11"],
  run,
  mutation: {
    why: "Check, then act: on SQLite the decision reads committed rows only, so sends of one commit do not see each other; on PostgreSQL nobody locks what it decides about, and it takes a moment; in Redis one script counts and another one charges.",
    edits: [
      {
        file: "packages/gateway/src/adapters/stores/sqlite/sqlite-store.ts",
        find: "const book = createChargeBook(database);",
        replace: "const book = { ...createChargeBook(database), decide: createChargeBook(reader).decide };",
        engines: ["sqlite"],
      },
      {
        file: "packages/gateway/src/adapters/stores/postgres/starts.ts",
        find: "  transaction.lock(steps.flatMap(locksOf));",
        replace: "",
        engines: ["postgres", "postgres+redis"],
      },
      {
        file: "packages/gateway/src/adapters/stores/postgres/starts.ts",
        find: "  const settled = steps.map((step, index) => settle(() => startOne(step, index)));",
        replace:
          "  const settled = steps.map((step, index) => settle(() => startOne(step, index)));\n  await new Promise((resolve) => setTimeout(resolve, 200));",
        engines: ["postgres", "postgres+redis"],
      },
      {
        file: "packages/gateway/src/adapters/stores/redis/reserve.lua",
        find: "if refusal then return refusal end",
        replace: "if ARGV[4] == 'check' then return refusal end",
        engines: ["postgres+redis"],
      },
      {
        file: "packages/gateway/src/adapters/stores/redis/redis-limiter.ts",
        find: "const refused = await connection.run((redis) =>",
        replace: "const take = (step) => connection.run((redis) =>",
        engines: ["postgres+redis"],
      },
      {
        file: "packages/gateway/src/adapters/stores/redis/redis-limiter.ts",
        find: "now, rules),\n      );",
        replace: 'now, rules, step),\n      );\n      const refused = (await take("check")) ?? (await take("act"));',
        engines: ["postgres+redis"],
      },
    ],
  },
};
