import assert from "node:assert/strict";
import { NO_LIMITS, onStage, phoneAt, type Stage, wrongCode } from "../harness/gateway.ts";
import { type Call, clientAt, race } from "../harness/http.ts";
import { ENGINES, type Figures, type Row, type RowOptions } from "../row.ts";

const MAX_ATTEMPTS = 5;
const GUESSES = 200;

interface Target {
  readonly number: string;
  readonly id: string;
  readonly code: string;
}

/** Right and wrong ones in turn, each kind over both surfaces. */
const mixed = ({ key }: Stage, { number, id, code }: Target): readonly Call[] =>
  Array.from({ length: GUESSES }, (_, i) => {
    const guess = i % 2 === 0 ? code : wrongCode(code, i);
    return i % 4 < 2
      ? { path: "/api/v1/auth/verify-phone-otp", body: { telefono: number, otp: guess }, headers: clientAt(i) }
      : { path: `/v1/verifications/${id}/check`, body: { code: guess }, headers: key() };
  });

const COMPARED: readonly unknown[] = ["code_incorrect", "attempts_exhausted"];

interface Round {
  readonly successes: number;
  readonly compared: number;
}

async function playRound(stage: Stage, number: string): Promise<Round> {
  const { ask, rows, urls, codeSentTo } = stage;
  const sent = await ask({ path: "/api/v1/auth/send-verification-sms", body: { telefono: number } });
  assert.equal(sent.status, 200, sent.text);
  const [verification] = await rows.all("select id from verifications where address = ?", number);
  const id = String(verification?.["id"]);
  const code = codeSentTo(number);
  const answers = await race(urls(), mixed(stage, { number, id, code }));

  const successes = answers.filter(({ status }) => status === 200).length;
  const wrong = answers.filter(({ body }) => COMPARED.includes(body["code"])).length;
  for (const { status, text } of answers) assert.ok(status === 200 || (status >= 400 && status < 500), text);
  const told = await rows.all(
    "select type from events where entity_id = ? and type in ('verification.approved', 'verification.guess_incorrect') order by seq",
    id,
  );
  const types = told.map(({ type }) => String(type).replace("verification.", ""));
  assert.ok(types.length <= MAX_ATTEMPTS, `compared at most 5: ${types.join(", ")}`);
  assert.ok(!types.slice(0, -1).includes("approved"), `nothing is compared after a success: ${types.join(", ")}`);
  assert.ok(types.at(-1) === "approved" || types.length === MAX_ATTEMPTS, "of so many, some guess ended it");
  assert.equal(successes, types.filter((type) => type === "approved").length, "each success has its event");
  assert.equal(wrong, types.length - successes, "each compared guess has its event");
  assert.equal(await rows.count("select count(*) from guesses where verification_id = ?", id), wrong);
  assert.equal(await rows.count("select attempts from verifications where id = ?", id), types.length);

  const late = await ask({ path: `/v1/verifications/${id}/check`, body: { code }, headers: stage.key() });
  assert.ok(late.status >= 400 && late.status < 500, `the right code afterwards: ${late.text}`);
  return { successes, compared: types.length };
}

async function run(options: RowOptions): Promise<Figures> {
  const { size, report } = options;
  const rounds = size === "full" ? 200 : 4;
  return onStage({ ...options, env: NO_LIMITS }, async (stage) => {
    const played: Round[] = [];
    for (let i = 0; i < rounds; i++) {
      played.push(await playRound(stage, phoneAt(i)));
      if (played.length % 20 === 0) report(`round ${played.length} of ${rounds}`);
    }
    return {
      rounds,
      "guesses at once": GUESSES,
      "rounds with a success": played.filter(({ successes }) => successes === 1).length,
      "rounds with more": 0,
      "most compared in a round": Math.max(...played.map(({ compared }) => compared)),
    };
  });
}

export const s02b: Row = {
  id: "S-02B",
  title: "Right and wrong guesses in parallel on one verification, over both surfaces",
  target: "100 right and 100 wrong, 200 times: at most 1 success, at most 5 compared, nothing compared after a success",
  engines: ENGINES,
  covers: ["S-01", "S-02", "R-22"],
  run,
  mutation: {
    why: "A wrong guess on an approved verification is compared, and makes it live again. On SQLite what writes the row asks for its state too.",
    edits: [
      {
        file: "packages/gateway/src/domain/check.ts",
        find: "if (isLive(found, now)) return compare(found, guess);",
        replace:
          'if (isLive(found, now) || (found.status === "approved" && !guess.matches(found))) return compare(found, guess);',
      },
      {
        file: "packages/gateway/src/adapters/stores/sqlite/verifications.ts",
        find: "attempts = ?, ended_at = ? where id = ? and status = 'pending'",
        replace: "attempts = ?, ended_at = ? where id = ?",
        engines: ["sqlite"],
      },
    ],
  },
};
