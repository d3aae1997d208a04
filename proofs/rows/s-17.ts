import assert from "node:assert/strict";
import fc from "fast-check";
import { inParallel, NO_LIMITS, onStage, phoneAt } from "../harness/gateway.ts";
import type { Figures, Row, RowOptions } from "../row.ts";

const WIDTH = 16;

/** Writes the ten digits of a mobile with a separator wherever the generator puts one. */
const grouped = (separators: readonly string[]) => (digits: string) =>
  [...digits].map((digit, i) => `${i === 0 ? "" : (separators[i % separators.length] ?? "")}${digit}`).join("");

/** Spellings of the same number that a person types. */
const ordinary = fc
  .record({
    prefix: fc.constantFrom("", "+57", "+57 ", "57", "57 ", "+57-", "+57."),
    separators: fc.array(fc.constantFrom("", "", "", " ", "-", ".", "  "), { minLength: 1, maxLength: 10 }),
    hasParentheses: fc.boolean(),
    after: fc.constantFrom("", " "),
  })
  .map(({ prefix, separators, hasParentheses, after }) => (digits: string) => {
    const head = digits.slice(0, 3);
    const tail = grouped(separators)(digits.slice(3));
    const written = `${prefix}${hasParentheses ? `(${head}) ` : head}${tail}${after}`;
    return written.length <= 32 ? written : `${prefix.trim()}${digits}`;
  });

const DIGIT_SETS = [0x660, 0x6f0, 0x966, 0x9e6, 0xff10, 0x1d7ce, 0x1d7d8];
const inScript = (zero: number) => (digits: string) =>
  [...digits].map((digit) => String.fromCodePoint(zero + Number(digit))).join("");

const INVISIBLE = ["\u200e", "\u200f", "\u202a", "\u202e", "\u2066", "\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad"];
const ODD_SPACES = ["\u00a0", "\u2007", "\u202f", "\u3000", "\u2009", "\t", "\n", "\r\n", "\v", "\u2028", "\u0000"];
const SUFFIXES = [
  " ext 5",
  " x123",
  ";ext=5",
  ",,1234",
  "p1234",
  "w5",
  "#5",
  "*5",
  ";phone-context=+57",
  ";phone-context=example.com",
  ";isub=1",
  "/1",
];
const PREFIXES = [
  "tel:",
  "tel:+57",
  "sms:",
  "callto:",
  "00 57 ",
  "0057",
  "00457",
  "01157",
  "011 57 ",
  "0",
  "03",
  "++57",
  "+57+",
  "＋57",
];

/** Puts a text somewhere inside a number. */
const inserted = (texts: readonly string[]) =>
  fc.record({ text: fc.constantFrom(...texts), at: fc.integer({ min: 0, max: 10 }) }).map(
    ({ text, at }) =>
      (digits: string) =>
        `${digits.slice(0, at)}${text}${digits.slice(at)}`,
  );

/** Spellings that a lenient parser takes for the same number. */
const odd = fc.oneof(
  fc.constantFrom(...DIGIT_SETS).map((zero) => (digits: string) => inScript(zero)(digits)),
  fc.record({ zero: fc.constantFrom(...DIGIT_SETS), at: fc.integer({ min: 0, max: 9 }) }).map(
    ({ zero, at }) =>
      (digits: string) =>
        `+57${digits.slice(0, at)}${inScript(zero)(digits.charAt(at))}${digits.slice(at + 1)}`,
  ),
  inserted(INVISIBLE),
  inserted(ODD_SPACES),
  fc.constantFrom(...SUFFIXES).map((suffix) => (digits: string) => `+57${digits}${suffix}`),
  fc.constantFrom(...PREFIXES).map((prefix) => (digits: string) => `${prefix}${digits}`),
  fc
    .constantFrom("‐", "–", "—", "－", "／", "’")
    .map((dash) => (digits: string) => `${digits.slice(0, 3)}${dash}${digits.slice(3)}`),
);

interface Spelling {
  readonly number: string;
  readonly text: string;
  readonly isOrdinary: boolean;
}

function spell(numbers: number, perNumber: number): readonly Spelling[] {
  const half = perNumber / 2;
  return Array.from({ length: numbers }, (_, i) => phoneAt(i)).flatMap((number) => {
    const digits = number.slice("+57".length);
    const write = (how: fc.Arbitrary<(digits: string) => string>, isOrdinary: boolean): Spelling[] =>
      fc.sample(how, half).map((writer) => ({ number, text: writer(digits), isOrdinary }));
    return [...write(ordinary, true), ...write(odd, false)];
  });
}

async function run(options: RowOptions): Promise<Figures> {
  const { size, report } = options;
  const { numbers, perNumber } = size === "full" ? { numbers: 1_000, perNumber: 100 } : { numbers: 40, perNumber: 50 };
  const spellings = spell(numbers, perNumber);
  return onStage({ ...options, env: NO_LIMITS }, async ({ ask, key, rows, carrier }) => {
    const headers = key();
    let done = 0;
    await inParallel(spellings, WIDTH, async ({ text, isOrdinary }) => {
      const { status, text: answer } = await ask({
        path: "/v1/verifications",
        body: { to: text, channel: "sms" },
        headers,
      });
      assert.equal(status, isOrdinary ? 201 : 422, `${JSON.stringify(text)} was answered ${answer}`);
      if (++done % 10_000 === 0) report(`${done} spellings`);
    });
    const expected = [...new Set(spellings.map(({ number }) => number))].sort();
    const keys = async (sql: string) => (await rows.all(sql)).map((row) => String(Object.values(row)[0]));
    assert.deepEqual(
      await keys("select distinct address from verifications order by 1"),
      expected,
      "one key per number",
    );
    const counters = "select distinct key from sends where dimension = 'otp.number' order by 1";
    assert.deepEqual(await keys(counters), expected, "one counter per number");
    const live = await rows.count("select count(*) from verifications where status = 'pending'");
    assert.equal(live, numbers, "one live verification per number");
    const called = new Set(carrier.ledger.map(({ to }) => to));
    assert.deepEqual([...called].sort(), expected, "the carrier heard of these numbers and no other");
    const refused = spellings.filter(({ isOrdinary }) => !isOrdinary).length;
    return {
      spellings: spellings.length,
      numbers,
      keys: expected.length,
      "refused (422)": refused,
      "wrong country": 0,
    };
  });
}

export const s17: Row = {
  id: "S-17",
  title: "Every spelling of a number is one key, and odd spellings are refused",
  target:
    "100,000 spellings of 1,000 numbers: 1 key per number, non-ASCII, extensions and contexts 422, no wrong country",
  engines: ["sqlite"],
  run,
  mutation: {
    why: "The number is kept as it was typed, not in its canonical form.",
    edits: [
      {
        file: "packages/gateway/src/services/recipients.ts",
        find: 'address: { kind: "phone", value: e164 }',
        replace: 'address: { kind: "phone", value: text }',
      },
    ],
  },
};
