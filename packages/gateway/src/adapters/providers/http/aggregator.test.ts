import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AGGREGATOR, aggregatorCallback, startAggregator } from "../../../../test/carrier/aggregator.ts";
import type { Vendor, VendorFault } from "../../../../test/carrier/vendor.ts";
import { providerContract } from "../../../../test/contracts/provider.ts";
import { readDoc, readFences } from "../../../../test/docs/markdown.ts";
import type { OutgoingMessage } from "../../../domain/delivery.ts";
import { createHttp } from "./aggregator.ts";
import { parseHttpDefinition } from "./definition.ts";

const TIMEOUT_MS = 1_000;
const clock = { now: Date.now, sleep: async () => undefined };

/** The files of docs/providers.md: a JSON API, and an older one with a form. */
const [JSON_FILE = "", FORM_FILE = ""] = readFences(readDoc("docs/providers.md"))
  .filter(({ language }) => language === "json")
  .map(({ text }) => text);

type Fields = Record<string, unknown>;

/** A file of the document, for this machine, with what a test changes. */
function definitionOf(file: string, vendor: Pick<Vendor, "url">, change: (file: Fields) => Fields = (same) => same) {
  const local = file.replaceAll("https://api.andina.example", vendor.url);
  const parsed = parseHttpDefinition(JSON.stringify(change({ timeoutMs: TIMEOUT_MS, ...JSON.parse(local) })));
  if (!parsed.ok) throw new Error(parsed.problems.join("; "));
  return parsed.definition;
}

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

const FAULTS = {
  refuses: { kind: "refuse", code: "E12", status: 400 },
  throttles: { kind: "throttle", retryAfter: "2" },
  fails: { kind: "status", status: 503 },
  hangs: { kind: "hang" },
  talksNonsense: { kind: "garbage" },
} as const satisfies Record<string, VendorFault>;

for (const [name, file, situations] of [
  ["http, with JSON", JSON_FILE, ["refuses", "throttles", "fails", "hangs", "talksNonsense"]],
  ["http, with a form", FORM_FILE, ["throttles", "fails", "hangs"]],
] as const) {
  providerContract(name, {
    situations,
    async setup() {
      const vendor = await startAggregator();
      const provider = createHttp({ definition: definitionOf(file, vendor), clock });
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
}

describe("http", () => {
  const signal = new AbortController().signal;
  const ODD_TEXT = 'Ñandú & "café": 100% = 1+1?\n{{to}} \\ 😀';
  let vendor: Vendor;
  let provider: ReturnType<typeof createHttp>;
  beforeEach(async () => {
    vendor = await startAggregator();
    provider = createHttp({ definition: definitionOf(JSON_FILE, vendor), clock });
  });
  afterEach(async () => {
    await vendor.close();
    await provider.close?.();
  });

  const outcomeUnder = async (fault: VendorFault) => {
    vendor.behave(fault, { times: 1 });
    return provider.send(sms(), signal);
  };

  it("writes JSON in which every letter stays what it is, and fills nothing twice", async () => {
    const receiptUrl = "https://sms.example.com/receipts/http/msg_1/1.x.y";
    const message = sms({ text: ODD_TEXT, receiptUrl });
    const result = await provider.send(message, signal);
    expect(result).toEqual({
      outcome: "accepted",
      providerMessageId: vendor.ledger[0]?.id,
      sender: AGGREGATOR.from,
    });
    expect(vendor.ledger[0]).toMatchObject({ to: message.to, text: ODD_TEXT, receiptUrl });
    expect(vendor.ledger[0]?.heard?.headers).toMatchObject({
      authorization: `Bearer ${AGGREGATOR.token}`,
      "content-type": "application/json",
      "idempotency-key": message.id,
    });
  });

  it("leaves the address of receipts out while there is none", async () => {
    await provider.send(sms(), signal);
    const { sms: sent } = JSON.parse(vendor.ledger[0]?.heard?.body ?? "");
    expect(Object.keys(sent)).toEqual(["number", "sender", "message", "reference"]);
  });

  it("writes a form, and reads the id out of a line of text", async () => {
    const form = createHttp({ definition: definitionOf(FORM_FILE, vendor), clock });
    const message = sms({ text: ODD_TEXT });
    expect(await form.send(message, signal)).toEqual({
      outcome: "accepted",
      providerMessageId: vendor.ledger[0]?.id,
      sender: null,
    });
    expect(vendor.ledger[0]).toMatchObject({ to: message.to, text: ODD_TEXT });
    vendor.behave({ kind: "errorWith200", code: "12" }, { times: 1 });
    expect(await form.send(sms(), signal)).toEqual({ outcome: "unknown" });
    expect(form.readReceipt).toBeUndefined();
    await form.close?.();
  });

  it("writes an address, whatever the text holds", async () => {
    const url = `${vendor.url}/http/send?to={{to}}&text={{text}}`;
    const query = createHttp({
      definition: definitionOf(FORM_FILE, vendor, (file) => ({ ...file, request: { method: "GET", url } })),
      clock,
    });
    const message = sms({ text: `${ODD_TEXT}#/../?a=b` });
    expect(await query.send(message, signal)).toMatchObject({ outcome: "accepted" });
    expect(vendor.ledger[0]).toMatchObject({ to: message.to, text: message.text });
    expect(await query.send(sms({ text: "half a letter \ud83d" }), signal)).toMatchObject({ outcome: "accepted" });
    await query.close?.();
  });

  it.each<readonly [string, object]>([
    ["E12", { outcome: "rejected", code: "phone_invalid", vendorCode: "E12" }],
    ["E20", { outcome: "throttled", vendorCode: "E20" }],
    ["E30", { outcome: "rejected", code: "delivery_failed", vendorCode: "E30", change: ["provider"] }],
    ["E41", { outcome: "rejected", code: "opted_out", vendorCode: "E41" }],
    ["E-99", { outcome: "rejected", code: "delivery_failed", vendorCode: "E_99", change: ["provider", "channel"] }],
  ])("gives code %s the meaning of the file, with whatever status it comes", async (code, expected) => {
    for (const status of [200, 400]) expect(await outcomeUnder({ kind: "refuse", code, status })).toEqual(expected);
  });

  it("explains what the file explains", () => {
    expect(provider.explain?.("E41")).toMatchObject({ class: "blocked", retry: false, operator: { en: /asked/ } });
    expect(provider.explain?.("E20")).toMatchObject({ class: "transient", retry: true });
    expect(provider.explain?.("E99")).toBeNull();
  });

  it.each([
    ["2", 2_000, 2_000],
    ["0", undefined, undefined],
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
    ["503", { kind: "status", status: 503 }, "unavailable"],
    ["a 404 that is a web page", { kind: "status", status: 404 }, "unavailable"],
    ["a reset before it read the text", { kind: "resetBeforeBody" }, "unknown"],
    ["a reset after it read the text", { kind: "resetAfterBody" }, "unknown"],
    ["half an answer", { kind: "truncate" }, "unknown"],
    ["silence", { kind: "hang" }, "unknown"],
    ["200 and a web page", { kind: "html" }, "unknown"],
    ["broken JSON", { kind: "garbage" }, "unknown"],
    ["10 MB of JSON", { kind: "huge" }, "unknown"],
    ["OK without an id", { kind: "wrongSid" }, "unknown"],
  ])("reads %s", async (_name, fault, outcome) => {
    expect(await outcomeUnder(fault)).toMatchObject({ outcome });
    expect(vendor.ledger).toHaveLength(1);
  });

  it("is sure that nothing left when nobody listens, and that the account is not well", async () => {
    const lost = createHttp({ definition: definitionOf(JSON_FILE, { url: "http://127.0.0.1:9" }), clock });
    expect(await lost.send(sms(), signal)).toEqual({ outcome: "unavailable" });
    expect(await lost.check(signal)).toEqual({ ok: false, detail: "the API does not answer" });
    await lost.close?.();
    const wrong = createHttp({
      definition: definitionOf(JSON_FILE, vendor, (file) => ({ ...file, check: { url: `${vendor.url}/v1/account` } })),
      clock,
    });
    expect(await wrong.check(signal)).toEqual({ ok: false, detail: "the API answers 401" });
    await wrong.close?.();
  });

  it("says why its sender cannot exist", () => {
    const named = createHttp({
      definition: definitionOf(JSON_FILE, vendor, (file) => ({ ...file, from: "MeStore" })),
      clock,
    });
    expect(named.problemWith?.({ to: "+573001234567", country: "CO" })).toMatch(/no alphanumeric sender/);
    expect(provider.problemWith?.({ to: "+573001234567", country: "CO" })).toBeNull();
  });
});

describe("a receipt of http", () => {
  const here = { url: "http://127.0.0.1:9" };
  const provider = createHttp({ definition: definitionOf(JSON_FILE, here), clock });
  const read = (...given: Parameters<typeof aggregatorCallback>) =>
    provider.readReceipt?.(aggregatorCallback(...given));

  it.each<readonly [object, object]>([
    [{ status: "ENVIADO" }, { state: "sent" }],
    [
      { status: "ENTREGADO", cost: "12.5" },
      { state: "delivered", price: { amount: 12.5, currency: "COP" } },
    ],
    [
      { status: "NO_ENTREGADO", error: "E41" },
      { state: "undelivered", code: "opted_out", vendorCode: "E41" },
    ],
    [{ status: "NO_ENTREGADO" }, { state: "undelivered", code: "delivery_failed", change: ["provider", "channel"] }],
  ])("reads %o", async (fields, receipt) => {
    const reported = await read({ id: "AND-7", ...fields });
    expect(reported).toEqual({ kind: "receipt", providerMessageId: "AND-7", receipt });
  });

  it("is nothing for a state that the file does not name, and malformed without one", async () => {
    for (const status of ["EN_COLA", "toString", "__proto__"])
      expect(await read({ status })).toEqual({ kind: "nothing" });
    expect(await read({ status: { a: 1 } })).toEqual({ kind: "malformed" });
    expect(await read({ status: null })).toEqual({ kind: "malformed" });
  });

  it.each<readonly [string, Parameters<typeof aggregatorCallback>[1]]>([
    ["another secret", { secret: "somebody-else-entirely" }],
    ["no signature", { signature: null }],
    ["an empty signature", { signature: "" }],
    ["nothing behind the prefix", { signature: "sha256=" }],
    ["another body", { body: '{"status":"ENTREGADO"}' }],
  ])("is forged with %s", async (_name, forgery) => {
    expect(await read({}, forgery)).toEqual({ kind: "forged" });
  });

  it("may be a form with a secret in a header", async () => {
    const receipts = {
      ...{ header: { name: "X-Key", secret: AGGREGATOR.receiptSecret }, format: "form" },
      ...{ state: "estado", states: { "1": "delivered" } },
    };
    const form = createHttp({ definition: definitionOf(JSON_FILE, here, (file) => ({ ...file, receipts })), clock });
    const callback = { url: "https://x.example/", body: "estado=1&id=AND-7" };
    const post = (key: string) => form.readReceipt?.({ ...callback, headers: { "x-key": key } });
    expect(await post(AGGREGATOR.receiptSecret)).toEqual({
      kind: "receipt",
      providerMessageId: null,
      receipt: { state: "delivered" },
    });
    expect(await post(`${AGGREGATOR.receiptSecret}.`)).toEqual({ kind: "forged" });
    await form.close?.();
  });
});
