import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Vendor, VendorFault } from "../../../../test/carrier/vendor.ts";
import { startVonage, VONAGE_ACCOUNT, vonageCallback } from "../../../../test/carrier/vonage.ts";
import { providerContract } from "../../../../test/contracts/provider.ts";
import type { OutgoingMessage } from "../../../domain/delivery.ts";
import { toRefusal, UNLISTED } from "../wire/failure.ts";
import { VONAGE_ERRORS } from "./error-catalogue.ts";
import { createVonage, type VonageSettings } from "./messages.ts";

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

const vonageOn = (vendor: Vendor, over: Partial<VonageSettings> = {}) =>
  createVonage({ ...VONAGE_ACCOUNT, apiBaseUrl: vendor.url, timeoutMs: TIMEOUT_MS, clock, ...over });

const FAULTS = {
  refuses: { kind: "refuse", code: 1430 },
  throttles: { kind: "throttle", retryAfter: "2" },
  fails: { kind: "status", status: 503 },
  hangs: { kind: "hang" },
  talksNonsense: { kind: "garbage" },
} as const satisfies Record<string, VendorFault>;

providerContract("vonage", {
  situations: ["refuses", "throttles", "fails", "hangs", "talksNonsense"],
  async setup() {
    const vendor = await startVonage();
    const provider = vonageOn(vendor);
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

describe("vonage", () => {
  const signal = new AbortController().signal;
  let vendor: Vendor;
  let provider: ReturnType<typeof vonageOn>;
  beforeEach(async () => {
    vendor = await startVonage();
    provider = vonageOn(vendor);
  });
  afterEach(async () => {
    await vendor.close();
    await provider.close?.();
  });

  const outcomeUnder = async (fault: VendorFault) => {
    vendor.behave(fault, { times: 1 });
    return provider.send(sms(), signal);
  };

  it("sends the fields of the contract, numbers without +, and every letter as it is", async () => {
    const receiptUrl = "https://sms.example.com/receipts/vonage/msg_1/1.x.y";
    const message = sms({ text: 'Ñandú & "café": 100% = 1+1?\n😀', deliverBefore: Date.now() + 90_500, receiptUrl });
    expect(await provider.send(message, signal)).toMatchObject({ outcome: "accepted", sender: VONAGE_ACCOUNT.from });
    const { heard, text } = vendor.ledger[0] ?? {};
    expect(text).toBe(message.text);
    expect(JSON.parse(heard?.body ?? "")).toEqual({
      ...{ message_type: "text", channel: "sms", to: message.to.slice(1), from: "13105550100", text: message.text },
      ...{ ttl: 90, client_ref: message.id, webhook_url: receiptUrl, webhook_version: "v1" },
    });
    expect(heard?.headers).toMatchObject({
      authorization: `Basic ${btoa(`${VONAGE_ACCOUNT.apiKey}:${VONAGE_ACCOUNT.apiSecret}`)}`,
      "content-type": "application/json",
    });
  });

  it("asks for no receipts that it could not believe", async () => {
    const unsigned = vonageOn(vendor, { signatureSecret: undefined });
    await unsigned.send(sms({ receiptUrl: "https://sms.example.com/r" }), signal);
    expect(vendor.ledger[0]).toMatchObject({ outcome: "accepted", receiptUrl: undefined });
    expect(await unsigned.readReceipt?.(await vonageCallback({}))).toEqual({ kind: "forged" });
    await unsigned.close?.();
  });

  it.each([
    [-5_000, 20],
    [19_000, 20],
    [36_000_000_000, 604_800],
  ])("keeps ttl within what the vendor takes: %i ms left is %i s", async (lifeMs, ttl) => {
    await provider.send(sms({ deliverBefore: Date.now() + lifeMs }), signal);
    expect(vendor.ledger[0]?.outcome).toBe("accepted");
    expect(JSON.parse(vendor.ledger[0]?.heard?.body ?? "")).toMatchObject({ ttl });
  });

  it.each([...VONAGE_ERRORS.keys()])("gives code %s of the vendor our meaning", async (code) => {
    expect(await outcomeUnder({ kind: "refuse", code })).toEqual({
      ...toRefusal(VONAGE_ERRORS, code),
    });
  });

  it("fails for good on a code that it does not know, and only for want of money on a bare 402", async () => {
    const result = await outcomeUnder({ kind: "refuse", code: 1999 });
    expect(result).toMatchObject({ outcome: "rejected", code: "delivery_failed", vendorCode: "1999" });
    expect(provider.explain?.("1999")).toBeNull();
    expect(provider.explain?.("1240")).toMatchObject({ class: "blocked", change: [] });
    expect(await outcomeUnder({ kind: "refuse", code: "other", status: 402 })).toMatchObject({
      vendorCode: "low_balance",
    });
  });

  it.each([
    ["2", 2_000, 2_000],
    ["0", undefined, undefined],
    ["soon", undefined, undefined],
    ["99999999999999999999", 3_600_000, 3_600_000],
    [new Date(Date.now() + 30_000).toUTCString(), 20_000, 30_000],
    [undefined, undefined, undefined],
  ])("reads Retry-After %s", async (retryAfter, least = 0, most = 0) => {
    const result = await outcomeUnder({ kind: "throttle", ...(retryAfter === undefined ? {} : { retryAfter }) });
    expect(result).toMatchObject({ outcome: "throttled", vendorCode: "throttled" });
    const { retryAfterMs = 0 } = { retryAfterMs: undefined, ...result };
    expect(retryAfterMs).toBeGreaterThanOrEqual(least);
    expect(retryAfterMs).toBeLessThanOrEqual(most);
  });

  it.each<readonly [string, VendorFault, string]>([
    ["500", { kind: "status", status: 500, taken: true }, "unknown"],
    ["502", { kind: "status", status: 502, taken: true }, "unknown"],
    ["503", { kind: "status", status: 503 }, "unavailable"],
    ["a 500 with the vendor's internal error", { kind: "refuse", code: 1030, status: 500 }, "unknown"],
    ["a 429 that is a web page", { kind: "status", status: 429 }, "throttled"],
    ["a 403 that is a web page", { kind: "status", status: 403 }, "unavailable"],
    ["a 301", { kind: "status", status: 301, headers: { Location: "http://127.0.0.1:9/" } }, "unavailable"],
    ["a reset before it read the text", { kind: "resetBeforeBody" }, "unknown"],
    ["a reset after it read the text", { kind: "resetAfterBody" }, "unknown"],
    ["half an answer", { kind: "truncate" }, "unknown"],
    ["silence", { kind: "hang" }, "unknown"],
    ["one byte a second", { kind: "drip" }, "unknown"],
    ["200 and a web page", { kind: "html" }, "unknown"],
    ["broken JSON", { kind: "garbage" }, "unknown"],
    ["10 MB of JSON", { kind: "huge" }, "unknown"],
    ["an id that is none", { kind: "wrongSid" }, "unknown"],
    ["200 and the body of a refusal", { kind: "errorWith200", code: 1430 }, "unknown"],
  ])("reads %s", async (_name, fault, outcome) => {
    const startedAt = performance.now();
    expect(await outcomeUnder(fault)).toMatchObject({ outcome });
    expect(performance.now() - startedAt).toBeLessThan(TIMEOUT_MS + 400);
    expect(vendor.ledger).toHaveLength(1);
  });

  it.each(["http://127.0.0.1:9", `http://${"x".repeat(64)}.invalid`, "no address"])(
    "is sure that nothing left towards %s",
    async (apiBaseUrl) => {
      const lost = vonageOn(vendor, { apiBaseUrl, timeoutMs: 3_000 });
      expect(await lost.send(sms(), signal)).toEqual({ outcome: "unavailable" });
      expect(await lost.check(signal)).toEqual({ ok: false, detail: "the API does not answer" });
      await lost.close?.();
    },
  );

  it("says why its sender cannot exist, and names the variables when the credentials are refused", async () => {
    const wrong = vonageOn(vendor, { apiSecret: "a-wrong-one", from: "MeStore" });
    expect(wrong.problemWith?.({ to: "+573001234567", country: "CO" })).toMatch(/no alphanumeric sender/);
    expect(provider.problemWith?.({ to: "+573001234567", country: "CO" })).toBeNull();
    const detail = "the API refuses VONAGE_API_KEY and VONAGE_API_SECRET";
    expect(await wrong.check(signal)).toEqual({ ok: false, detail });
    expect(await wrong.send(sms(), signal)).toEqual(toRefusal(VONAGE_ERRORS, "unauthorized"));
    await wrong.close?.();
  });
});

describe("a receipt of vonage", () => {
  const uuid = randomUUID();
  const provider = createVonage({ ...VONAGE_ACCOUNT, clock });
  const read = async (...given: Parameters<typeof vonageCallback>) =>
    provider.readReceipt?.(await vonageCallback(...given));

  it.each([
    ["submitted", { state: "sent" }],
    ["delivered", { state: "delivered" }],
  ])("%s is %o", async (status, receipt) => {
    const reported = await read({ message_uuid: uuid, status });
    expect(reported).toEqual({ kind: "receipt", providerMessageId: uuid, receipt });
  });

  it("says what the message cost", async () => {
    const usage = { currency: "EUR", price: "0.0333" };
    const reported = await read({ usage });
    expect(reported).toMatchObject({ receipt: { state: "delivered", price: { amount: 0.0333, currency: "EUR" } } });
    for (const odd of [{ currency: "€", price: "1" }, { currency: "EUR", price: "free" }, { currency: "EUR" }]) {
      expect(await read({ usage: odd })).toMatchObject({ receipt: { state: "delivered" } });
      expect(await read({ usage: odd })).not.toHaveProperty("receipt.price");
    }
  });

  it.each([...VONAGE_ERRORS].filter(([code]) => /^\d+$/.test(code)))("gives %s our meaning", async (code, error) => {
    const type = `https://developer.vonage.com/api-errors/messages#${code}`;
    const reported = await read({ status: "undeliverable", error: { type, title: code } });
    const change = error.change.length === 0 ? {} : { change: error.change };
    const receipt = { state: "undelivered", code: error.userError, vendorCode: code, ...change };
    expect(reported).toMatchObject({ kind: "receipt", receipt });
  });

  it("survives an error that nobody knows, or none", async () => {
    const unlisted = { state: "undelivered", code: UNLISTED.userError, change: UNLISTED.change };
    expect(await read({ status: "rejected" })).toMatchObject({ receipt: unlisted });
    const reported = await read({ status: "rejected", error: { title: 1999 } });
    expect(reported).toMatchObject({ receipt: { ...unlisted, vendorCode: "1999" } });
  });

  it("is nothing for a status that moves nothing, and malformed when it is no status", async () => {
    expect(await read({ status: "read" })).toEqual({ kind: "nothing" });
    expect(await read({ message_uuid: "1" })).toEqual({ kind: "malformed" });
    expect(await read({ channel: "whatsapp" })).toEqual({ kind: "malformed" });
  });

  it.each<readonly [string, Parameters<typeof vonageCallback>[1]]>([
    ["another secret", { secret: "somebody-else" }],
    ["another algorithm", { algorithm: "HS512" }],
    ["no token", { authorization: null }],
    ["a token of no algorithm", { authorization: "Bearer eyJhbGciOiJub25lIn0.e30." }],
    ["another scheme", { authorization: "Basic YTpi" }],
    ["another account", { claims: { api_key: "zzzz9999" } }],
    ["no account", { claims: { api_key: undefined } }],
    ["another body", { body: '{"status":"delivered"}' }],
    ["no hash of the body", { claims: { payload_hash: undefined } }],
    ["a token that has expired", { claims: { exp: 1 } }],
  ])("is forged with %s", async (_name, forgery) => {
    expect(await read({}, forgery)).toEqual({ kind: "forged" });
  });
});
