import { describe, expect, it } from "vitest";
import { PRICE_HEADER, priceOf, readPriceTable } from "./price.ts";

const read = (...lines: readonly string[]) => readPriceTable([PRICE_HEADER, ...lines].join("\n"));

describe("a price table", () => {
  it("has rows by provider, channel and country; comments and empty lines are none", () => {
    const { table, problems } = read(
      "# the operator's",
      "",
      "twilio,sms,CO,0.0525,USD",
      " twilio , voice , * , 0.03 , USD ",
    );
    expect(problems).toEqual([]);
    expect(table).toEqual([
      { provider: "twilio", channel: "sms", country: "CO", amount: 0.0525, currency: "USD" },
      { provider: "twilio", channel: "voice", country: "*", amount: 0.03, currency: "USD" },
    ]);
  });

  it.each([
    ["twilio,sms,CO,0.05", /five cells/],
    ["twilio,sms,CO,0.05,USD,more", /five cells/],
    ["twilio,pigeon,CO,0.05,USD", /channel/],
    ["twilio,sms,Colombia,0.05,USD", /country/],
    ["twilio,sms,CO,-1,USD", /price/],
    ["twilio,sms,CO,1e3,USD", /price/],
    ["twilio,sms,CO,0.05,pesos", /currency/],
    ["Twilio!,sms,CO,0.05,USD", /provider/],
  ])("refuses %s by its line", (line, problem) => {
    const { table, problems } = read("twilio,sms,*,0.06,USD", line);
    expect(problems).toEqual([{ line: 3, problem: expect.stringMatching(problem) }]);
    expect(table).toHaveLength(1);
  });

  it("refuses a file without its header", () => {
    expect(readPriceTable("twilio,sms,CO,0.05,USD").problems).toHaveLength(1);
    expect(readPriceTable("").problems).toEqual([{ line: 1, problem: expect.stringContaining(PRICE_HEADER) }]);
  });
});

describe("the price of a message", () => {
  const { table } = read(
    "twilio,sms,CO,0.0525,USD",
    "twilio,sms,*,0.08,USD",
    "twilio,voice,*,0.03,USD",
    "local,sms,CO,25,COP",
  );

  it.each([
    [
      { provider: "twilio", channel: "sms", country: "CO", segments: 1 },
      { amount: 0.0525, currency: "USD" },
    ],
    [
      { provider: "twilio", channel: "sms", country: "CO", segments: 3 },
      { amount: 0.1575, currency: "USD" },
    ],
    [
      { provider: "twilio", channel: "sms", country: "EC", segments: 2 },
      { amount: 0.16, currency: "USD" },
    ],
    [
      { provider: "twilio", channel: "voice", country: null, segments: null },
      { amount: 0.03, currency: "USD" },
    ],
    [
      { provider: "local", channel: "sms", country: "CO", segments: 2 },
      { amount: 50, currency: "COP" },
    ],
    [{ provider: "local", channel: "sms", country: "EC", segments: 2 }, null],
    [{ provider: "simulation", channel: "sms", country: "CO", segments: 1 }, null],
  ] as const)("of %j is %j", (message, price) => {
    expect(priceOf(table, message)).toEqual(price);
  });
});
