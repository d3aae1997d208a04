import assert from "node:assert/strict";
import { DAY_MS, HOUR_MS, NO_LIMITS, onStage, phoneAt, wrongCode } from "../harness/gateway.ts";
import { clientAt, race } from "../harness/http.ts";
import { mostWithin } from "../harness/most-within.ts";
import { ENGINES, type Figures, type Row, type RowOptions } from "../row.ts";

const MAX_PER_DAY = 20;
const CLIENTS = 1_000;
const CODES = 1_000_000;

async function run(options: RowOptions): Promise<Figures> {
  const { size, report } = options;
  const { days, stepMs, width } =
    size === "full" ? { days: 5, stepMs: HOUR_MS / 30, width: 8 } : { days: 2, stepMs: HOUR_MS / 4, width: 6 };
  return onStage({ ...options, env: NO_LIMITS }, async (stage) => {
    const { ask, urls, now, advance, rows, codeSentTo } = stage;
    const telefono = phoneAt(3);
    const startedAt = now();
    let requests = 0;
    let answered = 0;
    let day = 0;
    const nextClient = () => clientAt(requests++ % CLIENTS);
    while (now() < startedAt + days * DAY_MS) {
      const sent = await ask({
        path: "/api/v1/auth/send-verification-sms",
        body: { telefono },
        headers: nextClient(),
      });
      assert.ok(sent.status === 200 || sent.body["code"] === "too_many_failures", `a send was answered ${sent.text}`);
      const code = codeSentTo(telefono);
      const guesses = await race(
        urls(),
        Array.from({ length: width }, (_, i) => ({
          path: "/api/v1/auth/verify-phone-otp",
          body: { telefono, otp: wrongCode(code, 1 + ((requests + i) % (CODES - 1))) },
          headers: nextClient(),
        })),
      );
      answered += guesses.filter(({ body }) => typeof body["attempts_remaining"] === "number").length;
      assert.ok(answered <= MAX_PER_DAY * (day + 1), `${answered} compared by day ${day + 1}`);
      const waits = guesses.map(({ body }) => Number(body["retry_after"] ?? 1) * 1000);
      advance(Math.min(stepMs, ...waits));
      if (now() - startedAt >= (day + 1) * DAY_MS) report(`day ${++day} of ${days}, ${requests} requests`);
    }
    const wrong = await rows.all("select at from events where type = 'verification.guess_incorrect' order by at");
    const instants = wrong.map(({ at }) => Number(at));
    // Wrong guesses are kept for two days.
    const kept = now() - 2 * DAY_MS;
    const counted = await rows.count("select count(*) from guesses where address = ? and at > ?", telefono, kept);
    assert.equal(instants.length, answered, "every answer to a compared guess has its event");
    assert.equal(counted, instants.filter((at) => at > kept).length, "every compared guess was counted");
    const mostInADay = mostWithin(DAY_MS, instants);
    assert.equal(mostInADay, MAX_PER_DAY, "compared failures in any 24 hours");
    const hit = mostInADay / CODES;
    assert.ok(hit <= 2e-5, "chance of a hit in a day");
    return {
      "hours of virtual time": days * 24,
      requests,
      "client addresses": CLIENTS,
      "compared in all": answered,
      "most compared in any 24 h": mostInADay,
      "P(hit) in a day": hit.toExponential(1),
    };
  });
}

export const s03: Row = {
  id: "S-03",
  title: "An attacker with 1,000 addresses asks for codes and guesses for days",
  target: "at most 20 compared failures in any 24 hours, P(hit) ≤ 2·10⁻⁵ a day",
  engines: ENGINES,
  run,
  mutation: {
    why: "A re-send resets the budget of wrong guesses.",
    edits: [
      {
        file: "packages/gateway/src/adapters/stores/sqlite/verifications.ts",
        find: "    if (isFresh) insertFresh(verification);",
        replace:
          '    prepare(database, "delete from guesses where address = ?").run(address.value);\n    if (isFresh) insertFresh(verification);',
        engines: ["sqlite"],
      },
      {
        file: "packages/gateway/src/adapters/stores/postgres/starts.ts",
        find: "  write(transaction, begun, ledger.written());",
        replace:
          '  const reset = { name: "reset", text: "delete from guesses where address = any($1::text[])" };\n  transaction.send(reset, [begun.map(({ verification }) => verification.address.value)]);\n  write(transaction, begun, ledger.written());',
        engines: ["postgres", "postgres+redis"],
      },
    ],
  },
};
