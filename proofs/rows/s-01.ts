import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { NO_LIMITS, onStage, phoneAt, type Stage, wrongCode } from "../harness/gateway.ts";
import { type Answer, type Call, clientAt, race, tally } from "../harness/http.ts";
import type { Figures, Row, RowOptions } from "../row.ts";

const MAX_ATTEMPTS = 5;
const FIRST_WAIT_MS = 60_000;
const SEND = "/api/v1/auth/send-verification-sms";
const VERIFY = "/api/v1/auth/verify-phone-otp";

const compared = ({ rows }: Stage, number: string) => ({
  guesses: rows.count("select count(*) from guesses where address = ?", number),
  counter: rows.count("select attempts from verifications where address = ?", number),
  events: rows.count(
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
  assert.deepEqual(compared(stage, number), FIVE, "compared = 5");

  const early = await ask(guess(code, guesses));
  assert.equal(early.body["code"], "too_many_failures", "the right code waits");
  advance(FIRST_WAIT_MS);
  const late = await ask(guess(code, guesses));
  assert.equal(late.status, 400, "the right code is refused after the wait");
  assert.equal(late.body["code"], "no_active_code");
  assert.deepEqual(compared(stage, number), FIVE, "the counter stays");
}

const ABOUT_A_COMMIT = /^gateway_commit_steps_(count|sum) (\d+)$/gm;

async function readCommits(metricsUrl: string): Promise<{ readonly commits: number; readonly steps: number }> {
  const text = await (await fetch(`${metricsUrl}/metrics`)).text();
  const values = Object.fromEntries([...text.matchAll(ABOUT_A_COMMIT)].map(([, name, value]) => [name, Number(value)]));
  return { commits: values["count"] ?? Number.NaN, steps: values["sum"] ?? Number.NaN };
}

/** While somebody else holds the file nothing commits; what has arrived by then is committed together. */
const intoOneCommit =
  (metricsUrl: string): Attack["race"] =>
  async ({ url, whileLocked }, calls) => {
    const { running, before } = await whileLocked(async () => {
      const standing = Promise.withResolvers<void>();
      const running = race(url(), calls, standing.resolve);
      await Promise.race([standing.promise, running]);
      // Long enough to read them all, and well under the two seconds that a step waits for the file.
      await new Promise((resolve) => setTimeout(resolve, 400 + calls.length / 4));
      return { running, before: await readCommits(metricsUrl) };
    });
    const answers = await running;
    const after = await readCommits(metricsUrl);
    assert.ok(after.steps - before.steps >= calls.length, "every guess was a step");
    assert.ok(after.commits - before.commits <= 2, "in one commit, and perhaps one of the work beside requests");
    return answers;
  };

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function run({ size }: RowOptions): Promise<Figures> {
  const guesses = size === "full" ? 1_000 : 200;
  const metricsPort = await freePort();
  return onStage({ ...NO_LIMITS, METRICS_PORT: String(metricsPort) }, async (stage) => {
    await attack(stage, { number: phoneAt(1), guesses, race: ({ url }, calls) => race(url(), calls) });
    const metricsUrl = `http://127.0.0.1:${metricsPort}`;
    await attack(stage, { number: phoneAt(2), guesses, race: intoOneCommit(metricsUrl) });
    return { "guesses at once": guesses, compared: MAX_ATTEMPTS, "compared in one commit": MAX_ATTEMPTS };
  });
}

export const s01: Row = {
  id: "S-01",
  title: "Parallel wrong guesses on one verification",
  target: "5 of 1,000 are compared, the others are 4xx, and the right code is refused afterwards; again in one commit",
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
