import { describe, expect, it } from "vitest";
import { isForward, type RejectionCode } from "./delivery.ts";
import { findMagicNumber, isMagicNumber, MAGIC_NUMBERS } from "./magic-numbers.ts";
import { parsePhone } from "./phone.ts";

/** Every reason a message to a phone can fail for; the compiler asks for a new one here. The last two are Verify's alone. */
const REASONS: Readonly<Record<Exclude<RejectionCode, "email_refused" | "send_in_progress" | "rate_limited">, true>> = {
  phone_invalid: true,
  phone_landline: true,
  country_not_allowed: true,
  opted_out: true,
  number_unreachable: true,
  number_inactive: true,
  handset_unreachable: true,
  message_blocked: true,
  message_filtered: true,
  destination_blocked: true,
  channel_unavailable: true,
  carrier_congested: true,
  whatsapp_missing: true,
  delivery_failed: true,
};

const behaviours = MAGIC_NUMBERS.flatMap(({ behaviour, others = {} }) => [behaviour, ...Object.values(others)]);
const answers = behaviours.flatMap((behaviour) => behaviour.answers);
const receipts = behaviours.flatMap((behaviour) => (behaviour.receipt === undefined ? [] : [behaviour.receipt]));

describe("the table", () => {
  it("has each number and each name once, with both texts", () => {
    expect(new Set(MAGIC_NUMBERS.map((magic) => magic.number)).size).toBe(MAGIC_NUMBERS.length);
    expect(new Set(MAGIC_NUMBERS.map((magic) => magic.name)).size).toBe(MAGIC_NUMBERS.length);
    for (const { number, name, es, en } of MAGIC_NUMBERS) {
      expect(isMagicNumber(number)).toBe(true);
      expect(name).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(es.length).toBeGreaterThan(10);
      expect(en.length).toBeGreaterThan(10);
      expect(es).not.toBe(en);
    }
  });

  it("covers every outcome of a send", () => {
    expect(new Set(answers.map((answer) => answer.outcome))).toEqual(
      new Set(["accepted", "rejected", "throttled", "unavailable", "unknown"]),
    );
  });

  it("covers every reason, at once or by receipt", () => {
    const reasons = [
      ...answers.flatMap((answer) => (answer.outcome === "rejected" ? [answer.code] : [])),
      ...receipts.flatMap((receipt) => (receipt.code === undefined ? [] : [receipt.code])),
    ];
    expect(new Set<string>(reasons)).toEqual(new Set(Object.keys(REASONS)));
  });

  it("covers a slow answer, a late receipt, no receipt, and a receipt after an unknown outcome", () => {
    const find = (name: string) => MAGIC_NUMBERS.find((magic) => magic.name === name)?.behaviour;
    expect(find("slow")).toMatchObject({ delayMs: 6_000, answers: [{ outcome: "accepted" }] });
    expect(find("late")?.receipt).toEqual({ state: "delivered", afterExpiry: true });
    expect(find("no_receipt")).toEqual({ answers: [{ outcome: "accepted" }] });
    expect(find("timeout")).toEqual({ answers: [{ outcome: "unknown" }] });
    expect(find("timeout_delivered")).toMatchObject({
      answers: [{ outcome: "unknown" }],
      receipt: { state: "delivered" },
    });
    expect(find("throttled_once")?.answers.map((answer) => answer.outcome)).toEqual(["throttled", "accepted"]);
  });

  it("sends receipts only for what may have left, and each moves the message forward", () => {
    for (const { behaviour } of MAGIC_NUMBERS) {
      if (behaviour.receipt === undefined) continue;
      const last = behaviour.answers.at(-1)?.outcome;
      expect(["accepted", "unknown"]).toContain(last);
      expect(isForward(last === "accepted" ? "sent" : "unknown", behaviour.receipt.state)).toBe(true);
    }
  });

  it("gives an undelivered receipt its reason", () => {
    for (const receipt of receipts) expect(receipt.state === "undelivered").toBe(receipt.code !== undefined);
  });
});

describe("the range", () => {
  it("is made of numbers that parse as Colombian mobiles, all ten thousand", () => {
    for (let i = 0; i < 10_000; i++) {
      const number = `+57300555${String(i).padStart(4, "0")}`;
      expect(parsePhone(number, { defaultCountry: "CO", allowedCountries: ["CO"] })).toEqual({
        e164: number,
        country: "CO",
        kind: "mobile",
      });
      expect(isMagicNumber(number)).toBe(true);
    }
  });

  it.each(["+573005540000", "+5730055500000", "+57300555000", "573005550000", "+573005550000\n", "+57300555000x", ""])(
    "leaves %j out",
    (number) => {
      expect(isMagicNumber(number)).toBe(false);
      expect(findMagicNumber(number)).toBeNull();
    },
  );

  it("finds a number of the table", () => {
    expect(findMagicNumber("+573005550000")).toMatchObject({
      name: "delivered",
      behaviour: { answers: [{ outcome: "accepted" }], receipt: { state: "delivered" } },
    });
    expect(findMagicNumber("+573005550009")).toMatchObject({
      name: "landline",
      behaviour: { answers: [{ outcome: "rejected", code: "phone_landline" }] },
    });
  });

  it("delivers to any other number of the range, under its own number", () => {
    const delivered = findMagicNumber("+573005550000");
    expect(findMagicNumber("+573005559999")).toEqual({ ...delivered, number: "+573005559999" });
  });
});
