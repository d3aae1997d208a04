import assert from "node:assert/strict";
import { NO_LIMITS, onStage, phoneAt, type Stage } from "../harness/gateway.ts";
import { type Call, race, tally } from "../harness/http.ts";
import { ENGINES, type Figures, type Row, type RowOptions } from "../row.ts";

async function approveOnce({ rows, urls }: Stage, id: string, calls: readonly Call[]): Promise<void> {
  const answers = await race(urls(), calls);
  assert.deepEqual(tally(answers, "code"), { 200: 1, no_active_code: calls.length - 1 });
  assert.equal(await rows.count("select count(*) from guesses where verification_id = ?", id), 0, "no guess was wrong");
  const approvals = "select count(*) from events where type = 'verification.approved' and entity_id = ?";
  assert.equal(await rows.count(approvals, id), 1, "one event says that it was approved");
  assert.equal(await rows.count("select attempts from verifications where id = ?", id), 1);
}

async function run(options: RowOptions): Promise<Figures> {
  const guesses = 200;
  const { size, report } = options;
  const rounds = size === "full" ? 50 : 2;
  return onStage({ ...options, env: NO_LIMITS }, async (stage) => {
    const { ask, key, rows, codeSentTo } = stage;
    for (let round = 0; round < rounds; round++) {
      const number = phoneAt(round);
      const sent = await ask({ path: "/api/v1/auth/send-verification-sms", body: { telefono: number } });
      assert.equal(sent.status, 200);
      const [row] = await rows.all("select id from verifications where address = ?", number);
      const id = String(row?.["id"]);
      const code = codeSentTo(number);
      const onB = { path: `/v1/verifications/${id}/check`, body: { code }, headers: key() };
      const onA = { path: "/api/v1/auth/verify-phone-otp", body: { telefono: number, otp: code } };
      const calls = Array.from({ length: guesses }, (_, i) => (i % 2 === 0 ? onA : onB));
      await approveOnce(stage, id, calls);
      report(`round ${round + 1} of ${rounds}`);
    }
    return { rounds, "right guesses at once": guesses, "successes in each round": 1 };
  });
}

export const s02: Row = {
  id: "S-02",
  title: "Parallel right guesses on one verification, over both surfaces",
  target: "1 of 200 succeeds, 199 are refused, one event says approved",
  engines: ENGINES,
  covers: ["R-22"],
  run,
  mutation: {
    why: "A code that was consumed is compared again. On SQLite what writes the row asks for its state too.",
    edits: [
      {
        file: "packages/gateway/src/domain/verification.ts",
        find: 'verification.status === "pending" && now < verification.expiresAt &&',
        replace: '["pending", "approved"].includes(verification.status) && now < verification.expiresAt &&',
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
