import { createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Carrier, startCarrier } from "../../../../test/carrier/carrier.ts";
import type { Fault } from "../../../../test/carrier/faults.ts";
import { providerContract } from "../../../../test/contracts/provider.ts";
import type { OutgoingMessage } from "../../../domain/delivery.ts";
import { toRefusal } from "../wire/failure.ts";
import { TWILIO_ERRORS } from "./error-catalogue.ts";
import { createTwilio, type TwilioSettings } from "./messaging.ts";

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

const twilioOn = (carrier: Carrier, over: Partial<TwilioSettings> = {}) =>
  createTwilio({
    accountSid: carrier.account.accountSid,
    authToken: carrier.account.authToken,
    sender: { from: [carrier.account.from] },
    apiBaseUrl: carrier.url,
    timeoutMs: TIMEOUT_MS,
    clock,
    ...over,
  });

const FAULTS = {
  refuses: { kind: "refuse", code: 21614 },
  throttles: { kind: "throttle", retryAfter: "2" },
  fails: { kind: "status", status: 503 },
  hangs: { kind: "hang" },
  talksNonsense: { kind: "garbage" },
} as const satisfies Record<string, Fault>;

providerContract("twilio", {
  situations: ["refuses", "throttles", "fails", "hangs", "talksNonsense"],
  async setup() {
    const carrier = await startCarrier();
    const provider = twilioOn(carrier);
    const messageUnder = (fault: Fault) => {
      const message = sms();
      carrier.behave(fault, { to: message.to });
      return message;
    };
    return {
      provider,
      message: () => sms(),
      messageThat: (situation) => messageUnder(FAULTS[situation]),
      slowMessage: () => messageUnder({ kind: "hang" }),
      arrived: async (to) => carrier.sent(to).length,
      async close() {
        await carrier.close();
        await provider.close?.();
      },
    };
  },
});

describe("twilio", () => {
  const signal = new AbortController().signal;
  let carrier: Carrier;
  let provider: ReturnType<typeof twilioOn>;
  beforeEach(async () => {
    carrier = await startCarrier();
    provider = twilioOn(carrier);
  });
  afterEach(async () => {
    await carrier.close();
    await provider.close?.();
  });

  const outcomeUnder = async (fault: Fault) => {
    carrier.behave(fault, { times: 1 });
    return provider.send(sms(), signal);
  };

  it("sends number, sender, text and what is left of the message's life", async () => {
    const message = sms({ text: "Ñandú & café: 100% = 1+1?", deliverBefore: Date.now() + 90_500 });
    await provider.send(message, signal);
    expect(carrier.ledger.map(({ params }) => params)).toEqual([
      { To: message.to, From: carrier.account.from, Body: message.text, ValidityPeriod: "90" },
    ]);
  });

  it("sends through a messaging service in place of a number", async () => {
    const { messagingServiceSid } = carrier.account;
    const viaService = twilioOn(carrier, { sender: { messagingServiceSid } });
    expect(await viaService.send(sms(), signal)).toMatchObject({ outcome: "accepted" });
    expect(carrier.ledger[0]?.params).toMatchObject({ MessagingServiceSid: messagingServiceSid });
    expect(carrier.ledger[0]?.params).not.toHaveProperty("From");
    await viaService.close?.();
  });

  it("asks for receipts at the address of the message, when it has one", async () => {
    const receiptUrl = "https://sms.example.com/receipts/twilio/msg_1/1.x.y";
    await provider.send(sms({ receiptUrl }), signal);
    expect(carrier.ledger[0]?.params.StatusCallback).toBe(receiptUrl);
  });

  it.each([
    [-5_000, "1"],
    [200, "1"],
    [1_900, "1"],
    [36_000_000_000, "36000"],
  ])("keeps ValidityPeriod within what the vendor takes: %i ms left is %s", async (lifeMs, seconds) => {
    await provider.send(sms({ deliverBefore: Date.now() + lifeMs }), signal);
    expect(carrier.ledger[0]).toMatchObject({ outcome: "accepted", params: { ValidityPeriod: seconds } });
  });

  it("works behind a proxy with a path", async () => {
    const seen: string[] = [];
    const proxy = await listen((request) => {
      seen.push(request.split("\r\n")[0] ?? "");
      return "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    });
    const proxied = twilioOn(carrier, { apiBaseUrl: `${proxy.url}/sms/` });
    await proxied.send(sms(), signal);
    expect(seen).toEqual([`POST /sms/2010-04-01/Accounts/${carrier.account.accountSid}/Messages.json HTTP/1.1`]);
    await proxied.close?.();
    await proxy.close();
  });

  it.each([...TWILIO_ERRORS.keys()])("gives code %s of the vendor our meaning", async (code) => {
    expect(await outcomeUnder({ kind: "refuse", code: Number(code) })).toEqual(toRefusal(TWILIO_ERRORS, code));
  });

  it("tries its next number when the vendor says that another one would do", async () => {
    const several = twilioOn(carrier, { sender: { from: ["+13105550199", carrier.account.from] } });
    expect(await several.send(sms(), signal)).toMatchObject({ outcome: "accepted", sender: carrier.account.from });
    expect(carrier.ledger.map(({ params, outcome }) => [params.From, outcome])).toEqual([
      ["+13105550199", "21606"],
      [carrier.account.from, "accepted"],
    ]);
    await several.close?.();
  });

  it("never tries a number that cannot exist in the country, and says why when there is no other", async () => {
    const to = { to: "+573001234567", country: "CO" };
    const several = twilioOn(carrier, { sender: { from: ["+573001112233", carrier.account.from] } });
    expect(several.problemWith?.(to)).toBeNull();
    await several.send(sms(), signal);
    expect(carrier.ledger.map(({ params }) => params.From)).toEqual([carrier.account.from]);
    await several.close?.();
    const none = twilioOn(carrier, { sender: { from: ["+573001112233"] } });
    expect(none.problemWith?.(to)).toMatch(/\+57 long codes/);
    expect(await none.send(sms(), signal)).toMatchObject({ outcome: "rejected", vendorCode: "no_sender" });
    expect(carrier.ledger).toHaveLength(1);
    await none.close?.();
  });

  it("fails for good on a code that it does not know", async () => {
    const result = await outcomeUnder({ kind: "refuse", code: 29999 });
    expect(result).toMatchObject({ outcome: "rejected", code: "delivery_failed", vendorCode: "29999" });
    expect(provider.explain?.("29999")).toBeNull();
    expect(provider.explain?.("21610")).toMatchObject({ class: "blocked" });
  });

  it.each([
    ["2", 2_000, 2_000],
    ["0", undefined, undefined],
    ["-5", undefined, undefined],
    ["1.5", undefined, undefined],
    ["soon", undefined, undefined],
    ["2031", 2_031_000, 2_031_000],
    ["99999999999999999999", 3_600_000, 3_600_000],
    [new Date(Date.now() + 30_000).toUTCString(), 25_000, 30_000],
    [new Date(Date.now() - 30_000).toUTCString(), undefined, undefined],
    ["Fri, 31 Dec 9999 23:59:59 GMT", 3_600_000, 3_600_000],
    [undefined, undefined, undefined],
  ])("reads Retry-After %s", async (retryAfter, least, most) => {
    const result = await outcomeUnder({ kind: "throttle", ...(retryAfter === undefined ? {} : { retryAfter }) });
    if (least === undefined || most === undefined) {
      expect(result).toEqual({ outcome: "throttled", vendorCode: "20429" });
      return;
    }
    const { retryAfterMs = -1, ...rest } = { retryAfterMs: undefined, ...result };
    expect(rest).toEqual({ outcome: "throttled", vendorCode: "20429" });
    expect(retryAfterMs).toBeGreaterThanOrEqual(least);
    expect(retryAfterMs).toBeLessThanOrEqual(most);
  });

  it.each<readonly [string, Fault, string]>([
    ["500", { kind: "status", status: 500, taken: true }, "unknown"],
    ["502", { kind: "status", status: 502, taken: true }, "unknown"],
    ["503", { kind: "status", status: 503 }, "unavailable"],
    ["504", { kind: "status", status: 504, taken: true }, "unknown"],
    ["408", { kind: "status", status: 408 }, "unknown"],
    ["a 429 that is a web page", { kind: "status", status: 429 }, "throttled"],
    ["a 403 that is a web page", { kind: "status", status: 403 }, "unavailable"],
    ["a 301", { kind: "status", status: 301, headers: { Location: "http://127.0.0.1:9/" } }, "unavailable"],
    ["a 307", { kind: "status", status: 307, headers: { Location: "http://127.0.0.1:9/" } }, "unavailable"],
    ["a reset before it read the text", { kind: "resetBeforeBody" }, "unknown"],
    ["a reset after it read the text", { kind: "resetAfterBody" }, "unknown"],
    ["half an answer", { kind: "truncate" }, "unknown"],
    ["silence", { kind: "hang" }, "unknown"],
    ["one byte a second", { kind: "drip" }, "unknown"],
    ["200 and a web page", { kind: "html" }, "unknown"],
    ["broken JSON", { kind: "garbage" }, "unknown"],
    ["10 MB of JSON", { kind: "huge" }, "unknown"],
    ["the id of something else", { kind: "wrongSid" }, "unknown"],
    ["200 and the body of a refusal", { kind: "errorWith200", code: 21211 }, "unknown"],
  ])("reads %s", async (_name, fault, outcome) => {
    const startedAt = performance.now();
    expect(await outcomeUnder(fault)).toMatchObject({ outcome });
    expect(performance.now() - startedAt).toBeLessThan(TIMEOUT_MS + 400);
    expect(carrier.ledger).toHaveLength(1);
  });

  it("believes a message that was made and failed at once", async () => {
    const result = await outcomeUnder({ kind: "failedMessage", code: 21610 });
    expect(result).toEqual({ outcome: "rejected", code: "opted_out", vendorCode: "21610" });
  });

  it.each([
    ["nobody listens", "http://127.0.0.1:9"],
    ["the name does not exist", `http://${"x".repeat(64)}.invalid`],
    ["the other side speaks no TLS", "https"],
  ])("is sure that nothing left when %s", async (_name, url) => {
    const apiBaseUrl = url === "https" ? carrier.url.replace("http:", "https:") : url;
    const lost = twilioOn(carrier, { apiBaseUrl, timeoutMs: 3_000 });
    expect(await lost.send(sms(), signal)).toEqual({ outcome: "unavailable" });
    expect(carrier.ledger).toEqual([]);
    await lost.close?.();
  });

  it("never writes a message that waited for a connection longer than its time", async () => {
    const silent = await listen(() => "");
    const crowded = twilioOn(carrier, { apiBaseUrl: silent.url });
    const results = await Promise.all(Array.from({ length: 80 }, () => crowded.send(sms(), signal)));
    const outcomes = results.map(({ outcome }) => outcome);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(outcomes.filter((outcome) => outcome === "unknown")).toHaveLength(silent.requests());
    expect(outcomes.filter((outcome) => outcome === "unavailable")).toHaveLength(80 - silent.requests());
    await silent.close();
    await crowded.close?.();
  });

  it("asks nobody when the account sid is none", async () => {
    const misspelt = twilioOn(carrier, { accountSid: "not-a-sid" });
    expect(await misspelt.send(sms(), signal)).toEqual({ outcome: "unavailable" });
    await misspelt.close?.();
  });

  it.each(["active", "suspended", "closed"] as const)("reports an account that is %s", async (status) => {
    carrier.account.status = status;
    expect(await provider.check(signal)).toEqual({ ok: status === "active", detail: `the account is ${status}` });
  });

  it("names the variables when the credentials are refused, and not their values", async () => {
    const wrong = twilioOn(carrier, { authToken: "a-wrong-token" });
    const check = await wrong.check(signal);
    expect(check).toEqual({ ok: false, detail: "the API refuses TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN" });
    expect(await wrong.send(sms(), signal)).toEqual({
      outcome: "rejected",
      code: "delivery_failed",
      vendorCode: "20003",
      change: ["provider"],
    });
    await wrong.close?.();
  });

  it("says that the API does not answer", async () => {
    const lost = twilioOn(carrier, { apiBaseUrl: "http://127.0.0.1:9" });
    expect(await lost.check(signal)).toEqual({ ok: false, detail: "the API does not answer" });
    await lost.close?.();
  });

  it("says what the API answers when it is not an account", async () => {
    const broken = await listen(() => "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
    const lost = twilioOn(carrier, { apiBaseUrl: broken.url });
    expect(await lost.check(signal)).toEqual({ ok: false, detail: "the API answers 500" });
    await lost.close?.();
    await broken.close();
  });
});

/** A TCP server that answers each chunk as told. */
async function listen(answerTo: (request: string) => string) {
  let requests = 0;
  const sockets = new Set<import("node:net").Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      if (chunk.toString().includes("HTTP/1.1\r\n")) requests++;
      socket.write(answerTo(chunk.toString()));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`,
    requests: () => requests,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
