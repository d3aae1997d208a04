import assert from "node:assert/strict";
import { NO_LIMITS, onStage, phoneAt, type Stage, wrongCode } from "../harness/gateway.ts";
import { type Answer, type Call, clientAt, race, tally } from "../harness/http.ts";
import { ENGINES, type Figures, type Row, type RowOptions } from "../row.ts";

const MAX_ATTEMPTS = 5;
const FIRST_WAIT_MS = 60_000;
const SEND = "/api/v1/auth/send-verification-sms";
const VERIFY = "/api/v1/auth/verify-phone-otp";

const compared = async ({ rows }: Stage, number: string) => ({
  guesses: await rows.count("select count(*) from guesses where address = ?", number),
  counter: await rows.count("select attempts from verifications where address = ?", number),
  events: await rows.count(
    `select count(*) from events where type = 'verification.guess_incorrect'
       and entity_id in (select id from verifications where address = ?)`,
    number,
  ),
});

const FIVE = { guesses: MAX_ATTEMPTS, counter: MAX_ATTEMPTS, events: MAX_ATTEMPTS };

interface Attack {
  readonly number: string;
  readonly guesses: number;
  readonly race: (stage: Stage, calls: readonly Call[]) => Promise<readonly Answer[]>;
}

async function attack(stage: Stage, { number, guesses, race }: Attack): Promise<void> {
  const { ask, advance, codeSentTo } = stage;
  const sent = await ask({ path: SEND, body: { telefono: number } });
  assert.equal(sent.status, 200, "the code was sent");
  const code = codeSentTo(number);
  const guess = (otp: string, client: number) => ({
    path: VERIFY,
    body: { telefono: number, otp },
    headers: clientAt(client),
  });
  const calls = Array.from({ length: guesses }, (_, i) => guess(wrongCode(code, i + 1), i));
  const answers = await race(stage, calls);

  assert.deepEqual(tally(answers), {
    code_incorrect: MAX_ATTEMPTS - 1,
    attempts_exhausted: 1,
    too_many_failures: guesses - MAX_ATTEMPTS,
  });
  const remaining = answers.flatMap(({ body }) => body["attempts_remaining"] ?? []);
  assert.deepEqual([...remaining].sort(), [0, 1, 2, 3, 4], "each attempt was counted down once");
  assert.deepEqual(await compared(stage, number), FIVE, "compared = 5");

  const early = await ask(guess(code, guesses));
  assert.equal(early.body["code"], "too_many_failures", "the right code waits");
  advance(FIRST_WAIT_MS);
  const late = await ask(guess(code, guesses));
  assert.equal(late.status, 400, "the right code is refused after the wait");
  assert.equal(late.body["code"], "no_active_code");
  assert.deepEqual(await compared(stage, number), FIVE, "the counter stays");
}

const ABOUT_A_COMMIT = /^gateway_commit_steps_(count|sum) (\d+)$/gm;

interface Commits {
  readonly commits: number;
  readonly steps: number;
}

async function readCommits({ metricsUrls }: Stage): Promise<Commits> {
  const total = { commits: 0, steps: 0 };
  for (const url of metricsUrls) {
    const text = await (await fetch(url)).text();
    for (const [, name, value] of text.matchAll(ABOUT_A_COMMIT)) {
      total[name === "sum" ? "steps" : "commits"] += Number(value);
    }
  }
  return total;
}

/** While somebody else holds the database nothing commits; what has arrived by then is committed together. */
const intoFewCommits =
  (most: number): Attack["race"] =>
  async (stage, calls) => {
    // While the database is held nobody can say how it is, metrics neither.
    const before = await readCommits(stage);
    const { running } = await stage.whileLocked(async () => {
      const standing = Promise.withResolvers<void>();
      const running = race(stage.urls(), calls, standing.resolve);
      await Promise.race([standing.promise, running]);
      // Long enough to read them all, and well under the two seconds that a step waits for the database.
      await new Promise((resolve) => setTimeout(resolve, 400 + calls.length / 4));
      return { running };
    });
    const answers = await running;
    const after = await readCommits(stage);
    assert.ok(after.steps - before.steps >= calls.length, "every guess was a step");
    const commits = after.commits - before.commits;
    assert.ok(commits <= most, `${commits} commits, ${most} at the most`);
    return answers;
  };

/** On SQLite all are in one commit; another one or two may be of the work beside requests. */
const MOST_COMMITS = 3;
/** On PostgreSQL each process had one guess under way before the others came, and a commit holds 128 steps at the most. */
const mostCommits = (processes: number, guesses: number): number =>
  processes * (1 + Math.ceil(guesses / processes / 128));

async function run(options: RowOptions): Promise<Figures> {
  const guesses = options.size === "full" ? 1_000 : 100;
  return onStage({ ...options, env: NO_LIMITS, hasMetrics: true }, async (stage) => {
    const processes = stage.urls().length;
    const most = options.engine === "sqlite" ? MOST_COMMITS : mostCommits(processes, guesses);
    await attack(stage, { number: phoneAt(1), guesses, race: ({ urls }, calls) => race(urls(), calls) });
    await attack(stage, { number: phoneAt(2), guesses, race: intoFewCommits(most) });
    const few = options.engine === "sqlite" ? "one commit" : `${most} commits at the most`;
    return { processes, "guesses at once": guesses, compared: MAX_ATTEMPTS, [`compared in ${few}`]: MAX_ATTEMPTS };
  });
}

export const s01: Row = {
  id: "S-01",
  title: "Parallel wrong guesses on one verification",
  target: "5 of 1,000 are compared, the others are 4xx, and the right code is refused afterwards; again in one commit",
  engines: ENGINES,
  covers: ["R-22"],
  run,
  mutation: {
    why: "Nothing ends a verification after five guesses. Two lines, because the state and the counter each say so.",
    edits: [
      {
        file: "packages/gateway/src/domain/verification.ts",
        find: " && verification.attempts < verification.maxAttempts;",
        replace: ";",
      },
      {
        file: "packages/gateway/src/domain/verification.ts",
        find: 'attempts >= verification.maxAttempts ? "max_attempts_reached" : "pending"',
        replace: '"pending"',
      },
    ],
  },
};
