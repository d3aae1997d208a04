import assert from "node:assert/strict";
import { Agent } from "node:http";
import { NO_LIMITS, onStage, phoneAt, type Stage, wrongCode } from "../harness/gateway.ts";
import { type Answer, type Call, clientAt, createAsk } from "../harness/http.ts";
import { ENGINES, type Figures, type Row, type RowOptions } from "../row.ts";

const MAX_ATTEMPTS = 5;
/** Processes that are killed at the same time; while one starts, the others are guessed at. */
const LANES = 4;
const LONGEST_DELAY_MS = 16;

/** What one kill came to, in guesses. */
interface Kill {
  readonly sent: number;
  /** Answered before the process died. */
  readonly seen: number;
  /** Counted by then. */
  readonly counted: number;
}

const isCompared = ({ body }: Answer): boolean => typeof body["attempts_remaining"] === "number";

const counters = async ({ rows }: Stage, number: string) => ({
  counter: await rows.count("select attempts from verifications where address = ?", number),
  guesses: await rows.count("select count(*) from guesses where address = ?", number),
  events: await rows.count(
    `select count(*) from events where type = 'verification.guess_incorrect'
       and entity_id in (select id from verifications where address = ?)`,
    number,
  ),
});

/**
 * Guesses wrong a few times at once, and kills the process: when the first answer is there, or at some instant before
 * anybody knows. Then guesses on to the end.
 */
async function killOnce(stage: Stage, place: number, index: number): Promise<Kill> {
  const number = phoneAt(index);
  const agent = new Agent();
  const ask = createAsk(() => stage.urlAt(place) ?? "", agent);
  const sent = await ask({ path: "/api/v1/auth/send-verification-sms", body: { telefono: number } });
  assert.equal(sent.status, 200, sent.text);
  const code = stage.codeSentTo(number);
  const guess = (offset: number): Call => ({
    path: "/api/v1/auth/verify-phone-otp",
    body: { telefono: number, otp: wrongCode(code, offset) },
    headers: clientAt(index),
  });

  const size = 1 + (index % 3);
  const guesses = Array.from({ length: size }, (_, i) => ask(guess(i + 1)));
  const outcomes = Promise.all(guesses.map((each) => each.catch(() => null)));
  if (index % 2 === 0) await Promise.any(guesses);
  else await new Promise((resolve) => setTimeout(resolve, (index * 7) % LONGEST_DELAY_MS));
  const restarted = stage.crash(place);
  const seen = (await outcomes).filter((answer) => answer !== null);
  await restarted;

  for (const answer of seen) assert.ok(isCompared(answer), answer.text);
  const { counter, ...others } = await counters(stage, number);
  assert.deepEqual(others, { guesses: counter, events: counter }, "counter, guess and event were written together");
  assert.ok(counter >= seen.length, `${seen.length} answers were seen, ${counter} guesses counted`);
  assert.ok(counter <= size, "no guess was counted twice");

  let compared = 0;
  for (let i = 0; i < MAX_ATTEMPTS + 1; i++) {
    const answer = await ask(guess(size + 1 + i));
    assert.ok(answer.status >= 400 && answer.status < 500, answer.text);
    if (isCompared(answer)) compared++;
  }
  assert.equal(counter + compared, MAX_ATTEMPTS, "no guess was free");
  const right = await ask(guess(0));
  assert.equal(right.body["code"], "too_many_failures", "and the right code is refused");
  return { sent: size, seen: seen.length, counted: counter };
}

async function run(options: RowOptions): Promise<Figures> {
  const { size, engine, report } = options;
  const kills = size === "full" ? 500 : 6;
  const lanes = size === "full" ? LANES : 2;
  const all: Kill[] = [];
  const playLane = async (stage: Stage, lane: number, place: number): Promise<void> => {
    for (let index = lane; index < kills; index += lanes) {
      all.push(await killOnce(stage, place, index));
      if (all.length % 50 === 0) report(`${all.length} kills`);
    }
  };
  const laneNumbers = Array.from({ length: lanes }, (_, lane) => lane);
  if (engine === "sqlite") {
    const onOwnStage = (lane: number) => onStage({ ...options, env: NO_LIMITS }, (stage) => playLane(stage, lane, 0));
    await Promise.all(laneNumbers.map(onOwnStage));
  } else {
    await onStage({ ...options, env: NO_LIMITS, apis: lanes }, (stage) =>
      Promise.all(laneNumbers.map((lane) => playLane(stage, lane, lane))),
    );
  }
  const sum = (of: (kill: Kill) => number): number => all.reduce((total, kill) => total + of(kill), 0);
  assert.equal(all.length, kills);
  assert.ok(sum(({ seen }) => seen) > 0, "some answers were seen");
  return {
    kills,
    "guesses under way": sum(({ sent }) => sent),
    "answered before the kill": sum(({ seen }) => seen),
    "counted, though nobody was told": sum(({ seen, counted }) => counted - seen),
    "answered and not counted": 0,
    "compared for each verification": MAX_ATTEMPTS,
  };
}

export const s01b: Row = {
  id: "S-01B",
  title: "kill -9 at the instant of a guess, when its answer has arrived or just before",
  target: "500 kills: every guess whose answer anybody saw is counted, and none is free",
  engines: ENGINES,
  covers: ["S-01"],
  run,
  mutation: {
    why: "A guess is answered a moment before the commit that counts it (on SQLite the first wrong one).",
    edits: [
      {
        file: "packages/gateway/src/adapters/stores/sqlite/verifications.ts",
        find: "    if (isRight) markContact(verification, now);",
        replace:
          "    if (!isRight && attempts === 1) globalThis.late = true;\n    if (isRight) markContact(verification, now);",
        engines: ["sqlite"],
      },
      {
        file: "packages/gateway/src/adapters/stores/sqlite/writer.ts",
        find: "      commit.run();",
        replace:
          "      isScheduled = globalThis.late === true;\n      if (!isScheduled) commit.run();\n      else setTimeout(() => {\n        commit.run();\n        isScheduled = globalThis.late = false;\n        if (queue.length > 0) schedule(0);\n      }, 30);",
        engines: ["sqlite"],
      },
      {
        file: "packages/gateway/src/adapters/stores/postgres/checks.ts",
        find: "async function checkBatch(transaction: Transaction, steps: readonly CheckStep[]) {",
        replace: "async function checkBatch(transaction, steps, answer) {",
        engines: ["postgres", "postgres+redis"],
      },
      {
        file: "packages/gateway/src/adapters/stores/postgres/checks.ts",
        find: "  await transaction.commit();\n  const written",
        replace:
          "  answer(settled);\n  await new Promise((resolve) => setTimeout(resolve, 30));\n  await transaction.commit();\n  const written",
        engines: ["postgres", "postgres+redis"],
      },
      {
        file: "packages/gateway/src/adapters/stores/postgres/checks.ts",
        find: "inTransaction(pool, (transaction) => checkBatch(transaction, steps));",
        replace:
          "new Promise((answer, fail) => {\n    inTransaction(pool, (transaction) => checkBatch(transaction, steps, answer)).then(answer, fail);\n  });",
        engines: ["postgres", "postgres+redis"],
      },
    ],
  },
};
