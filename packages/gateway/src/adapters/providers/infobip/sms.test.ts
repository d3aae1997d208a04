import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { INFOBIP_ACCOUNT, infobipCallback, RECEIPT_URL, startInfobip } from "../../../../test/carrier/infobip.ts";
import type { Vendor, VendorFault } from "../../../../test/carrier/vendor.ts";
import { providerContract } from "../../../../test/contracts/provider.ts";
import type { OutgoingMessage } from "../../../domain/delivery.ts";
import { toRefusal, UNLISTED } from "../wire/failure.ts";
import { INFOBIP_ERRORS } from "./error-catalogue.ts";
import { sealOf } from "./receipts.ts";
import { createInfobip, type InfobipSettings } from "./sms.ts";

const TIMEOUT_MS = 1_000;
const clock = { now: Date.now, sleep: async () => undefined };

let made = 0;
const sms = (over: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
  id: `msg_${++made}`,
  lane: "otp",
  channel: "sms",
  country: "CO",
  to: `+5730012${10_000 + made}`,
  text: "MeStore: 123456 es tu clave. Vence en 10 min. No la compartas.",
  deliverBefore: Date.now() + 600_000,
  callBefore: Number.MAX_SAFE_INTEGER,
  ...over,
});

const infobipOn = (vendor: Pick<Vendor, "url">, over: Partial<InfobipSettings> = {}) =>
  createInfobip({ ...INFOBIP_ACCOUNT, baseUrl: vendor.url, timeoutMs: TIMEOUT_MS, clock, ...over });

const FAULTS = {
  refuses: { kind: "refuse", code: "status_52" },
  throttles: { kind: "throttle", retryAfter: "2" },
  fails: { kind: "status", status: 503 },
  hangs: { kind: "hang" },
  talksNonsense: { kind: "garbage" },
} as const satisfies Record<string, VendorFault>;

providerContract("infobip", {
  situations: ["refuses", "throttles", "fails", "hangs", "talksNonsense"],
  async setup() {
    const vendor = await startInfobip();
    const provider = infobipOn(vendor);
    const messageUnder = (fault: VendorFault) => {
      const message = sms();
      vendor.behave(fault, { to: message.to });
      return message;
    };
    return {
      provider,
      message: () => sms(),
      messageThat: (situation) => messageUnder(FAULTS[situation]),
      slowMessage: () => messageUnder({ kind: "hang" }),
      arrived: async (to) => vendor.sent(to).length,
      async close() {
        await vendor.close();
        await provider.close?.();
      },
    };
  },
});

describe("infobip", () => {
  const signal = new AbortController().signal;
  let vendor: Vendor;
  let provider: ReturnType<typeof infobipOn>;
  beforeEach(async () => {
    vendor = await startInfobip();
    provider = infobipOn(vendor);
  });
  afterEach(async () => {
    await vendor.close();
    await provider.close?.();
  });

  const outcomeUnder = async (fault: VendorFault) => {
    vendor.behave(fault, { times: 1 });
    return provider.send(sms(), signal);
  };

  it("sends the fields of the contract, numbers without +, every letter as it is, and a seal", async () => {
    const text = 'Ñandú & "café": 100% = 1+1?\n😀';
    const message = sms({ text, deliverBefore: Date.now() + 90_500, receiptUrl: RECEIPT_URL });
    expect(await provider.send(message, signal)).toMatchObject({ outcome: "accepted", sender: INFOBIP_ACCOUNT.from });
    expect(vendor.ledger[0]).toMatchObject({ to: message.to, text, receiptUrl: RECEIPT_URL });
    const { body, headers } = vendor.ledger[0]?.heard ?? { body: "", headers: {} };
    expect(JSON.parse(body)).toEqual({
      messages: [
        {
          ...{ sender: "13105550100", destinations: [{ to: message.to.slice(1) }], content: { text } },
          options: { validityPeriod: { amount: 90, timeUnit: "SECONDS" } },
          webhooks: {
            ...{ delivery: { url: RECEIPT_URL }, contentType: "application/json" },
            callbackData: sealOf(RECEIPT_URL, INFOBIP_ACCOUNT.apiKey),
          },
        },
      ],
    });
    expect(headers).toMatchObject({
      authorization: `App ${INFOBIP_ACCOUNT.apiKey}`,
      "content-type": "application/json",
    });
    await provider.send(sms(), signal);
    expect(vendor.ledger[1]?.heard?.body).not.toContain("webhooks");
  });

  it.each([...INFOBIP_ERRORS.keys()].filter((code) => !code.startsWith("error_")))(
    "gives %s of the vendor our meaning",
    async (code) => {
      expect(await outcomeUnder({ kind: "refuse", code })).toEqual(toRefusal(INFOBIP_ERRORS, code));
    },
  );

  it("fails for good on a status that it does not know", async () => {
    const result = await outcomeUnder({ kind: "refuse", code: "status_999" });
    expect(result).toMatchObject({ outcome: "rejected", code: "delivery_failed", vendorCode: "status_999" });
    expect(provider.explain?.("status_999")).toBeNull();
    expect(provider.explain?.("error_603")).toMatchObject({ class: "blocked", change: [] });
  });

  it.each([
    ["2", 2_000, 2_000],
    ["0", undefined, undefined],
    ["soon", undefined, undefined],
    [new Date(Date.now() + 30_000).toUTCString(), 20_000, 30_000],
    [undefined, undefined, undefined],
  ])("reads Retry-After %s", async (retryAfter, least = 0, most = 0) => {
    const result = await outcomeUnder({ kind: "throttle", ...(retryAfter === undefined ? {} : { retryAfter }) });
    expect(result).toMatchObject({ outcome: "throttled", vendorCode: "too_many_requests" });
    const { retryAfterMs = 0 } = { retryAfterMs: undefined, ...result };
    expect(retryAfterMs).toBeGreaterThanOrEqual(least);
    expect(retryAfterMs).toBeLessThanOrEqual(most);
  });

  it.each<readonly [string, VendorFault, string]>([
    ["500", { kind: "status", status: 500, taken: true }, "unknown"],
    ["a 500 of the vendor", { kind: "refuse", code: "-", status: 500 }, "unknown"],
    ["502", { kind: "status", status: 502, taken: true }, "unknown"],
    ["503", { kind: "status", status: 503 }, "unavailable"],
    ["a 429 that is a web page", { kind: "status", status: 429 }, "throttled"],
    ["a 403 that is a web page", { kind: "status", status: 403 }, "unavailable"],
    ["a reset before it read the text", { kind: "resetBeforeBody" }, "unknown"],
    ["a reset after it read the text", { kind: "resetAfterBody" }, "unknown"],
    ["half an answer", { kind: "truncate" }, "unknown"],
    ["silence", { kind: "hang" }, "unknown"],
    ["one byte a second", { kind: "drip" }, "unknown"],
    ["200 and a web page", { kind: "html" }, "unknown"],
    ["broken JSON", { kind: "garbage" }, "unknown"],
    ["10 MB of JSON", { kind: "huge" }, "unknown"],
    ["an id that is none", { kind: "wrongSid" }, "unknown"],
    ["200 and the body of a refusal", { kind: "errorWith200", code: "-" }, "unknown"],
  ])("reads %s", async (_name, fault, outcome) => {
    const startedAt = performance.now();
    expect(await outcomeUnder(fault)).toMatchObject({ outcome });
    expect(performance.now() - startedAt).toBeLessThan(TIMEOUT_MS + 400);
    expect(vendor.ledger).toHaveLength(1);
  });

  it("is sure that nothing left when nobody listens", async () => {
    const lost = infobipOn({ url: "http://127.0.0.1:9" });
    expect(await lost.send(sms(), signal)).toEqual({ outcome: "unavailable" });
    expect(await lost.check(signal)).toEqual({ ok: false, detail: "the API does not answer" });
    await lost.close?.();
  });

  it("says why its sender cannot exist, and names the variable when the key is refused", async () => {
    const wrong = infobipOn(vendor, { apiKey: "a-wrong-one", from: "MeStore" });
    expect(wrong.problemWith?.({ to: "+573001234567", country: "CO" })).toMatch(/no alphanumeric sender/);
    expect(await wrong.check(signal)).toEqual({ ok: false, detail: "the API refuses INFOBIP_API_KEY" });
    expect(await wrong.send(sms(), signal)).toEqual(toRefusal(INFOBIP_ERRORS, "unauthorized"));
    await wrong.close?.();
  });
});

describe("a receipt of infobip", () => {
  const provider = infobipOn({ url: "http://127.0.0.1:9" });
  const read = (...given: Parameters<typeof infobipCallback>) => provider.readReceipt?.(infobipCallback(...given));
  const status = (groupName: string, id: number) => ({ status: { groupName, id } });

  it.each([
    [status("DELIVERED", 5), { state: "delivered" }],
    [status("DELIVERED", 2), { state: "sent" }],
    [
      { price: { pricePerMessage: 0.01, currency: "EUR" } },
      { state: "delivered", price: { amount: 0.01, currency: "EUR" } },
    ],
    [
      { ...status("REJECTED", 12), error: undefined },
      { state: "undelivered", code: "delivery_failed", vendorCode: "status_12", change: ["provider"] },
    ],
  ])("reads %o", async (result, receipt) => {
    expect(await read(result)).toEqual({ kind: "receipt", providerMessageId: "2250be2d-4219-3af1", receipt });
  });

  it.each([...INFOBIP_ERRORS].filter(([code]) => code.startsWith("error_")))(
    "gives %s our meaning",
    async (code, error) => {
      const id = Number(code.slice("error_".length));
      const change = error.change.length === 0 ? {} : { change: error.change };
      const receipt = { state: "undelivered", code: error.userError, vendorCode: code, ...change };
      const reported = await read({ ...status("UNDELIVERABLE", 9), error: { id } });
      expect(reported).toMatchObject({ kind: "receipt", receipt });
    },
  );

  it("survives an error that nobody knows", async () => {
    const reported = await read({ ...status("UNDELIVERABLE", 9), error: { id: 1794 } });
    expect(reported).toMatchObject({ receipt: { code: UNLISTED.userError, vendorCode: "error_1794" } });
  });

  it("does not mind what is added behind its address", async () => {
    expect(await read({}, { url: `${RECEIPT_URL}?try=2` })).toMatchObject({ kind: "receipt" });
  });

  it("is nothing while the message is on its way, and when the operator never said", async () => {
    expect(await read(status("PENDING", 7))).toEqual({ kind: "nothing" });
    expect(await read(status("EXPIRED", 29))).toEqual({ kind: "nothing" });
  });

  it("finds its own among those of others", async () => {
    const others = [{ ...status("REJECTED", 12), messageId: "other", callbackData: "of another message" }];
    expect(await read({}, { others })).toMatchObject({ receipt: { state: "delivered" } });
  });

  it.each<readonly [string, Parameters<typeof infobipCallback>]>([
    ["no seal", [{ callbackData: undefined }]],
    ["an empty seal", [{ callbackData: "" }]],
    ["the seal of another key", [{ callbackData: sealOf(RECEIPT_URL, "another key") }]],
    ["the seal of another address", [{}, { url: `${RECEIPT_URL}2` }]],
  ])("is forged with %s", async (_name, given) => {
    expect(await read(...given)).toEqual({ kind: "forged" });
  });

  it("is malformed when it is no report", async () => {
    expect(await read(status("NEW", 1))).toEqual({ kind: "malformed" });
    const callback = { url: RECEIPT_URL, headers: {}, body: "{}" };
    expect(await provider.readReceipt?.(callback)).toEqual({ kind: "malformed" });
  });
});
