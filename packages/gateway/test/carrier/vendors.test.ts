import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AGGREGATOR, startAggregator } from "./aggregator.ts";
import { INFOBIP_ACCOUNT, startInfobip } from "./infobip.ts";
import type { Vendor } from "./vendor.ts";
import { startVonage, VONAGE_ACCOUNT } from "./vonage.ts";

type Fields = Readonly<Record<string, unknown>>;

interface Manner {
  readonly start: () => Promise<Vendor>;
  readonly path: string;
  readonly authorization: string;
  /** A body that is taken, with what a case puts in its place. */
  readonly body: (over: Fields) => Fields;
  /** What is refused, and with which status. */
  readonly refusals: readonly (readonly [name: string, over: Fields, status: number])[];
}

const VONAGE = { message_type: "text", channel: "sms", to: "573001234567", from: VONAGE_ACCOUNT.from.slice(1) };

const MANNERS: Readonly<Record<string, Manner>> = {
  vonage: {
    start: startVonage,
    path: "/v1/messages",
    authorization: `Basic ${btoa(`${VONAGE_ACCOUNT.apiKey}:${VONAGE_ACCOUNT.apiSecret}`)}`,
    body: (over) => ({ ...VONAGE, text: "Hola", client_ref: "msg_1", ttl: 600, ...over }),
    refusals: [
      ["a number with +", { to: "+573001234567" }, 422],
      ["a sender of somebody else", { from: "573009999999" }, 422],
      ["no text", { text: "" }, 422],
      ["too much text", { text: "x".repeat(3_201) }, 422],
      ["too short a life", { ttl: 19 }, 422],
      ["half a second of life", { ttl: 20.5 }, 422],
      ["another channel", { channel: "whatsapp" }, 422],
      ["an unknown field", { body: "Hola" }, 422],
      ["a callback that is no address", { webhook_url: "/receipts" }, 422],
    ],
  },
  infobip: {
    start: startInfobip,
    path: "/sms/3/messages",
    authorization: `App ${INFOBIP_ACCOUNT.apiKey}`,
    body: (over) => ({
      messages: [
        {
          ...{
            sender: INFOBIP_ACCOUNT.from.slice(1),
            destinations: [{ to: "573001234567" }],
            content: { text: "Hola" },
          },
          options: { validityPeriod: { amount: 600, timeUnit: "SECONDS" } },
          ...over,
        },
      ],
    }),
    refusals: [
      ["a number with +", { destinations: [{ to: "+573001234567" }] }, 400],
      ["a sender of somebody else", { sender: "573009999999" }, 400],
      ["no text", { content: {} }, 400],
      ["a life without unit", { options: { validityPeriod: { amount: 1 } } }, 400],
      ["a callback that is no address", { webhooks: { delivery: { url: "/r" }, callbackData: "x" } }, 400],
    ],
  },
  aggregator: {
    start: startAggregator,
    path: "/v1/sms",
    authorization: `Bearer ${AGGREGATOR.token}`,
    body: (over) => ({
      urgent: true,
      sms: { number: "573001234567", sender: AGGREGATOR.from, message: "Hola", reference: "msg_1", ...over },
    }),
    refusals: [
      ["a number with +", { number: "+573001234567" }, 400],
      ["a sender of somebody else", { sender: "1" }, 400],
      ["no text", { message: "" }, 400],
      ["no reference", { reference: undefined }, 400],
    ],
  },
};

describe.each(Object.entries(MANNERS))("the local %s", (_name, { start, path, authorization, body, refusals }) => {
  let vendor: Vendor;
  beforeEach(async () => {
    vendor = await start();
  });
  afterEach(() => vendor.close());

  const post = async (over: Fields = {}, headers: Readonly<Record<string, string>> = {}) => {
    const response = await fetch(vendor.url + path, {
      method: "POST",
      headers: { "content-type": "application/json", authorization, ...headers },
      body: JSON.stringify(body(over)),
    });
    await response.arrayBuffer();
    return response.status;
  };

  it("takes a message, writes it down and names it", async () => {
    expect(await post()).toBeLessThan(300);
    expect(vendor.sent("+573001234567")).toMatchObject([{ text: "Hola", outcome: "accepted" }]);
  });

  it.each(refusals)("refuses %s", async (_case, over, status) => {
    expect(await post(over)).toBe(status);
    expect(vendor.sent()).toEqual([]);
    expect(vendor.ledger).toHaveLength(1);
  });

  it("refuses wrong credentials and other media types", async () => {
    expect(await post({}, { authorization: "Basic x" })).toBe(401);
    expect(await post({}, { "content-type": "text/plain" })).toBeGreaterThanOrEqual(400);
    expect(vendor.sent()).toEqual([]);
  });

  it("misbehaves for one number, so many times", async () => {
    vendor.behave({ kind: "throttle" }, { to: "+573001234567", times: 1 });
    expect(await post()).toBe(429);
    expect(await post()).toBeLessThan(300);
    expect(vendor.ledger.map(({ outcome }) => outcome)).toEqual(["throttle", "accepted"]);
  });
});
