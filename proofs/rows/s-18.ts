import assert from "node:assert/strict";
import fc from "fast-check";
import { inParallel, NO_LIMITS, onStage, phoneAt, type Stage } from "../harness/gateway.ts";
import { clientAt } from "../harness/http.ts";
import type { Figures, Row, RowOptions } from "../row.ts";

const WIDTH = 16;
const HOST = "shop.example";
const MAX_CONTACT_NAME = 120;
/** Notifications go to numbers of their own. */
const NOTIFIED_FROM = 500_000;

const PAYLOADS = [
  "https://evil.example/login",
  "evil.example",
  "\n",
  "\r\n\r\n",
  "\n\n@evil.example #123456",
  "@evil.example #123456",
  "\u202e654321",
  "\u2066\u200b\u200d\ufeff",
  "😀🔑",
  "^{}\\[~]|€",
  "{code}",
  "{brand}",
  "{{code}}",
  `$${"{code}"}`,
  "%s%d%n",
  "<b>1</b>",
  "\u0000\u001b[2J",
  "\u2028\u2029",
  "Su clave es 999999",
  "$&$1$`",
];

const name = fc
  .array(fc.oneof(fc.constantFrom(...PAYLOADS), fc.string({ unit: "binary", maxLength: 12 })), {
    minLength: 1,
    maxLength: 6,
  })
  .map((parts) => `x${parts.join(" ")}`.toWellFormed());

/** About as long as a token can carry, in bytes of JSON. */
const LONGEST_NAME = 5_500;
const longName = fc
  .constantFrom(...PAYLOADS)
  .map((payload) => payload.repeat(Math.floor(LONGEST_NAME / Buffer.byteLength(JSON.stringify(payload)))));

interface Victim {
  readonly index: number;
  readonly number: string;
  readonly user: string;
  readonly name: string;
  readonly source: "claims" | "contact";
  readonly locale: "es" | "en";
}

const victims = fc.record({
  name: fc.oneof({ weight: 20, arbitrary: name }, { weight: 1, arbitrary: longName }),
  source: fc.constantFrom("claims" as const, "contact" as const),
  locale: fc.constantFrom("es" as const, "en" as const),
});

async function sendTo({ ask, user, key }: Stage, victim: Victim): Promise<void> {
  const { number, locale, source } = victim;
  const claims = source === "claims" ? { phone_number: number, name: victim.name } : {};
  if (source === "contact") {
    const body = { phone: number, name: victim.name.slice(0, MAX_CONTACT_NAME).toWellFormed() };
    const path = `/v1/contacts/${victim.user}`;
    const put = await ask({ method: "PUT", path, body, headers: key() });
    assert.equal(put.status, 200, put.text);
  }
  const headers = { ...user(victim.user, claims), ...clientAt(victim.index), "accept-language": locale };
  const sent = await ask({ path: "/api/v1/auth/send-verification-sms", body: { otp_type: "SMS" }, headers });
  assert.equal(sent.status, 200, `${JSON.stringify(victim.name).slice(0, 200)}: ${sent.text}`);
}

/**
 * Reads an origin-bound code as a browser does.
 *
 * @see https://wicg.github.io/sms-one-time-codes/#parsing
 */
function parseOriginBoundCode(text: string): { readonly host: string; readonly code: string } | null {
  const lastLine = text.slice(text.lastIndexOf("\n") + 1);
  const match = /^@([^\s#@%/?:]+) #([^\s]+)$/.exec(lastLine);
  return match?.[1] === undefined || match[2] === undefined ? null : { host: match[1], code: match[2] };
}

/** What an OTP of this gateway says when nobody has a name: the fixed text, with a mark for the code. */
async function fixedText({ ask, carrier, codeSentTo }: Stage, locale: "es" | "en", number: string): Promise<string> {
  const sent = await ask({
    path: "/api/v1/auth/send-verification-sms",
    body: { telefono: number },
    headers: { "accept-language": locale },
  });
  assert.equal(sent.status, 200, sent.text);
  return String(carrier.sent(number)[0]?.body).replaceAll(codeSentTo(number), "<code>");
}

/** Values of callers in notifications: no line break and no invisible sign comes through, so no second code either. */
async function tryParameters({ ask, key, carrier }: Stage, values: readonly string[]): Promise<number> {
  let refused = 0;
  await inParallel(values.entries(), WIDTH, async ([i, value]) => {
    const { status, text } = await ask({
      path: "/v1/messages",
      body: {
        to: phoneAt(NOTIFIED_FROM + i),
        category: "transactional",
        template: "order_delivered",
        variables: { order: value },
      },
      headers: key(),
    });
    assert.ok(status === 202 || status === 422, `${JSON.stringify(value)}: ${text}`);
    if (status === 422) refused++;
  });
  const expected = values.length - refused;
  const notified = () => carrier.ledger.filter(({ to }) => isNotified(to)).length;
  for (let patience = 400; notified() < expected && patience > 0; patience--) {
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.equal(notified(), expected, "notifications in the carrier's ledger");
  return refused;
}

const FIRST_NOTIFIED = Number(phoneAt(NOTIFIED_FROM).slice(-4));
const isNotified = (to: string | null): boolean => Number(to?.slice(-4)) >= FIRST_NOTIFIED;

async function run(options: RowOptions): Promise<Figures> {
  const { size, report } = options;
  const { bodies, parameters } =
    size === "full" ? { bodies: 50_000, parameters: 2_000 } : { bodies: 600, parameters: 60 };
  return onStage({ ...options, env: { ...NO_LIMITS, WEBOTP_HOST: HOST } }, async (stage) => {
    const fixed = { es: await fixedText(stage, "es", phoneAt(0)), en: await fixedText(stage, "en", phoneAt(1)) };
    const list = fc
      .sample(victims, bodies)
      .map((victim, i): Victim => ({ ...victim, index: i, number: phoneAt(i + 2), user: `user-${i}` }));
    let done = 0;
    await inParallel(list, WIDTH, async (victim) => {
      await sendTo(stage, victim);
      if (++done % 10_000 === 0) report(`${done} bodies`);
    });
    const refused = await tryParameters(stage, fc.sample(name, parameters));

    const locales = new Map(list.map(({ number, locale }) => [number, locale]));
    const otps = stage.carrier.ledger.filter(({ to }) => locales.has(to ?? ""));
    assert.equal(otps.length, bodies, "one body for each user");
    for (const { to, body } of otps) {
      const parsed = parseOriginBoundCode(body ?? "");
      assert.equal(parsed?.host, HOST, `the browser reads our host in ${JSON.stringify(body)}`);
      assert.match(parsed?.code ?? "", /^\d{6}$/);
      const locale = locales.get(to ?? "") ?? "es";
      assert.equal(body, fixed[locale].replaceAll("<code>", parsed?.code ?? ""), "the fixed text and the code");
    }
    for (const { to, body } of stage.carrier.ledger.filter((entry) => isNotified(entry.to))) {
      assert.doesNotMatch(body ?? "", /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u, `a notification to ${to} in one visible line`);
      assert.equal(parseOriginBoundCode(body ?? ""), null, "no browser reads a code in a notification");
    }
    return { bodies, "bodies with a caller's text": 0, parameters, "parameters refused (422)": refused };
  });
}

export const s18: Row = {
  id: "S-18",
  title: "No word of a caller reaches a one-time-code SMS",
  target: "0 of 50,000 bodies hold anything but the fixed text and the code; a browser reads our host and code in each",
  engines: ["sqlite"],
  run,
  mutation: {
    why: "The user's own name is written into the SMS.",
    edits: [
      {
        file: "packages/gateway/src/services/delivery.ts",
        find: "const words = { brand, code, minutes, locale: message.locale };",
        replace: "const words = { brand: message.userName ?? brand, code, minutes, locale: message.locale };",
      },
    ],
  },
};
