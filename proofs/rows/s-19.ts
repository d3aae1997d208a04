import assert from "node:assert/strict";
import { NOTIFICATIONS } from "../../packages/gateway/src/domain/templates.ts";
import { NO_LIMITS, onStage, phoneAt, type Stage } from "../harness/gateway.ts";
import { ONE_SEGMENT, septets } from "../harness/gsm7.ts";
import type { Figures, Row, RowOptions } from "../row.ts";

const MINUTE_MS = 60_000;
const DIGITS = 8;
const LOCALES = ["es", "en"] as const;
/** Brand and host at the most that a start accepts together: 86 septets. */
const LONGEST = { APP_NAME: "Ñ".repeat(64), WEBOTP_HOST: "tienda.colombia.co.ex" } as const;
const BRANDS: readonly Readonly<Record<string, string>>[] = [{}, { WEBOTP_HOST: "shop.example" }, { ...LONGEST }];

/** One code of each language and of each minute of life that may remain. */
async function sendCodes({ ask, key, advance, codeSentTo, carrier }: Stage, firstNumber: number): Promise<number> {
  let number = firstNumber;
  for (const locale of LOCALES) {
    const to = phoneAt(number++);
    for (let minutes = 10; minutes >= 1; minutes--) {
      const sent = await ask({
        path: "/v1/verifications",
        body: { to, channel: "sms", locale },
        headers: { ...key(), prefer: "wait=10" },
      });
      assert.equal(sent.status, 201, sent.text);
      assert.equal(codeSentTo(to).length, DIGITS);
      advance(MINUTE_MS);
    }
    assert.equal(carrier.sent(to).length, 10, "one body for each minute");
  }
  return 10 * LOCALES.length;
}

/** Every notification with its longest values. */
async function sendNotifications({ ask, key, carrier }: Stage, firstNumber: number): Promise<number> {
  let sent = 0;
  for (const [template, { variables }] of Object.entries(NOTIFICATIONS)) {
    for (const locale of LOCALES) {
      const longest = Object.fromEntries(
        Object.entries(variables).map(([variable, length]) => [variable, "W".repeat(length)]),
      );
      const to = phoneAt(firstNumber + sent++);
      const { status, text } = await ask({
        path: "/v1/messages",
        body: { to, category: "transactional", template, variables: longest, locale },
        headers: key(),
      });
      assert.equal(status, 202, text);
      for (let patience = 200; carrier.sent(to).length === 0 && patience > 0; patience--) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      assert.equal(carrier.sent(to).length, 1, `${template} in ${locale} was sent`);
    }
  }
  return sent;
}

async function run(options: RowOptions): Promise<Figures> {
  let codes = 0;
  let notifications = 0;
  let longest = 0;
  for (const brand of BRANDS) {
    await onStage({ ...options, env: { ...NO_LIMITS, OTP_LENGTH: String(DIGITS), ...brand } }, async (stage) => {
      codes += await sendCodes(stage, 0);
      if (brand["APP_NAME"] === undefined) notifications += await sendNotifications(stage, 100);
      for (const { body } of stage.carrier.ledger) {
        const units = septets(body ?? "");
        assert.notEqual(units, null, `GSM-7: ${JSON.stringify(body)}`);
        assert.ok((units ?? 0) <= ONE_SEGMENT, `${units} septets fit one segment: ${JSON.stringify(body)}`);
        longest = Math.max(longest, units ?? 0);
      }
      assert.ok(stage.carrier.ledger.length > 0);
    });
  }
  return { "one-time codes": codes, notifications, "longest (septets)": longest, "GSM-7, one segment": "100 %" };
}

export const s19: Row = {
  id: "S-19",
  title: "Every template in every language, with 8 digits, the longest brand and the longest values",
  target: "100 % are GSM-7 and one segment",
  engines: ["sqlite"],
  run,
  mutation: {
    why: "A word with an accent that GSM-7 does not have.",
    edits: [
      {
        file: "packages/gateway/src/domain/templates.ts",
        find: "{brand}: {code} es tu clave.",
        replace: "{brand}: {code} es tu código.",
      },
    ],
  },
};
