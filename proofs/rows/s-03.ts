import assert from "node:assert/strict";
import { DAY_MS, HOUR_MS, NO_LIMITS, onStage, phoneAt, wrongCode } from "../harness/gateway.ts";
import { clientAt, race } from "../harness/http.ts";
import type { Figures, Row, RowOptions } from "../row.ts";

const MAX_PER_DAY = 20;
const CLIENTS = 1_000;
const CODES = 1_000_000;

/** The most instants that any `spanMs` holds. */
function mostWithin(spanMs: number, instants: readonly number[]): number {
  let most = 0;
  let first = 0;
  instants.forEach((at, last) => {
    while (at - (instants[first] ?? at) >= spanMs) first++;
    most = Math.max(most, last - first + 1);
  });
  return most;
}

async function run({ size, report }: RowOptions): Promise<Figures> {
  const { days, stepMs, width } =
    size === "full" ? { days: 5, stepMs: HOUR_MS / 30, width: 8 } : { days: 2, stepMs: HOUR_MS / 4, width: 6 };
  return onStage(NO_LIMITS, async (stage) => {
    const { ask, url, now, advance, rows, codeSentTo } = stage;
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
        url(),
        Array.from({ length: width }, (_, i) => ({
          path: "/api/v1/auth/verify-phone-otp",
          body: { telefono, otp: wrongCode(code, 1 + ((requests + i) % (CODES - 1))) },
          headers: nextClient(),
        })),
      );
      answered += guesses.filter(({ body }) => typeof body["attempts_remaining"] === "number").length;
      const waits = guesses.map(({ body }) => Number(body["retry_after"] ?? 1) * 1000);
      advance(Math.min(stepMs, ...waits));
      if (now() - startedAt >= (day + 1) * DAY_MS) report(`day ${++day} of ${days}, ${requests} requests`);
    }
    const wrong = rows.all("select at from events where type = 'verification.guess_incorrect' order by at");
    const instants = wrong.map(({ at }) => Number(at));
    const counted = rows.count("select count(*) from guesses where address = ?", telefono);
    assert.equal(instants.length, answered, "every answer to a compared guess has its event");
    assert.equal(counted, answered, "every compared guess was counted");
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
  run,
  mutation: {
    why: "A re-send resets the budget of wrong guesses.",
    edits: [
      {
        file: "packages/gateway/src/adapters/stores/sqlite/verifications.ts",
        find: "    const verification = reuseOrCreate(step);",
        replace:
          '    const verification = reuseOrCreate(step);\n    prepare(database, "delete from guesses where address = ?").run(address.value);',
      },
    ],
  },
};
