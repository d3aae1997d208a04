import { ERRORS } from "@mestore/sms-gateway-contract/errors";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sign } from "../../../../test/carrier/callbacks.ts";
import { type Carrier, startCarrier } from "../../../../test/carrier/carrier.ts";
import type { Fault } from "../../../../test/carrier/faults.ts";
import { listen } from "../../../../test/carrier/twiml.ts";
import { providerContract } from "../../../../test/contracts/provider.ts";
import type { OutgoingMessage } from "../../../domain/delivery.ts";
import type { VoiceScript } from "../../../domain/voice-script.ts";
import type { Callback } from "../../../ports/provider.ts";
import { toRefusal } from "../wire/failure.ts";
import { CALL_ERRORS, WHATSAPP_ERRORS } from "./channel-errors.ts";
import { TWILIO_ERRORS } from "./error-catalogue.ts";
import { createTwilioVoice } from "./voice.ts";

const TIMEOUT_MS = 1_000;
const SCRIPT_URL = "https://sms.example/voice/msg_1/1.x.default.y";
const clock = { now: Date.now, sleep: async () => undefined };

let made = 0;
const otp = (over: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
  id: `msg_${++made}`,
  lane: "otp",
  channel: "voice",
  country: "CO",
  to: `+5730012${10_000 + made}`,
  text: "MeStore: 123456 es tu clave. Vence en 10 min. No la compartas.",
  code: "123456",
  scriptUrl: SCRIPT_URL,
  deliverBefore: Date.now() + 600_000,
  callBefore: Number.MAX_SAFE_INTEGER,
  ...over,
});

const voiceOn = ({ account, url }: Carrier) =>
  createTwilioVoice({
    accountSid: account.accountSid,
    authToken: account.authToken,
    from: account.voiceFrom,
    apiBaseUrl: url,
    timeoutMs: TIMEOUT_MS,
    clock,
  });

const FAULTS = {
  refuses: { kind: "refuse", code: 21216 },
  throttles: { kind: "throttle", retryAfter: "2" },
  fails: { kind: "status", status: 503 },
  hangs: { kind: "hang" },
  talksNonsense: { kind: "garbage" },
} as const satisfies Record<string, Fault>;

providerContract("twilio-voice", {
  situations: ["refuses", "throttles", "fails", "hangs", "talksNonsense"],
  async setup() {
    const carrier = await startCarrier();
    const provider = voiceOn(carrier);
    const messageUnder = (fault: Fault) => {
      const message = otp();
      carrier.behave(fault, { to: message.to });
      return message;
    };
    return {
      provider,
      message: () => otp(),
      messageThat: (situation) => messageUnder(FAULTS[situation]),
      slowMessage: () => messageUnder({ kind: "hang" }),
      arrived: async (to) => carrier.rang(to).length,
      async close() {
        await carrier.close();
        await provider.close?.();
      },
    };
  },
});

describe("twilio-voice", () => {
  const signal = new AbortController().signal;
  let carrier: Carrier;
  let provider: ReturnType<typeof voiceOn>;
  beforeEach(async () => {
    carrier = await startCarrier();
    provider = voiceOn(carrier);
  });
  afterEach(async () => {
    await carrier.close();
    await provider.close?.();
  });

  it("tells the vendor where to read what to say, and neither the code nor the text", async () => {
    const message = otp({ receiptUrl: "https://sms.example/receipts/x" });
    expect(await provider.send(message, signal)).toMatchObject({
      outcome: "accepted",
      providerMessageId: expect.stringMatching(/^CA[0-9a-f]{32}$/),
      sender: carrier.account.voiceFrom,
    });
    expect(carrier.ledger.map(({ params }) => params)).toEqual([
      {
        To: message.to,
        From: carrier.account.voiceFrom,
        Url: SCRIPT_URL,
        Method: "POST",
        Timeout: "25",
        TimeLimit: "120",
        StatusCallback: "https://sms.example/receipts/x",
        StatusCallbackEvent: "completed",
      },
    ]);
  });

  it("calls nobody without an address of ours, and explains it", async () => {
    const { scriptUrl: _url, ...message } = otp();
    const result = await provider.send(message, signal);
    expect(result).toMatchObject({ outcome: "rejected", code: "channel_unavailable", vendorCode: "no_public_url" });
    expect(provider.explain?.("no_public_url")?.operator.en).toMatch(/PUBLIC_URL/);
    expect(carrier.ledger).toEqual([]);
  });

  it.each(["21210", "21215", "21216"])("gives code %s of the vendor our meaning", async (code) => {
    carrier.behave({ kind: "refuse", code: Number(code) });
    expect(await provider.send(otp(), signal)).toEqual(toRefusal(CALL_ERRORS, code));
  });

  it("waits when too many phones ring at a time", async () => {
    carrier.behave({ kind: "refuse", code: 10004 });
    expect(await provider.send(otp(), signal)).toEqual({ outcome: "throttled", vendorCode: "10004" });
  });

  it.each<readonly [string, Fault, string]>([
    ["a reset after it was read", { kind: "resetAfterBody" }, "unknown"],
    ["the id of something else", { kind: "wrongSid" }, "unknown"],
    ["a 504", { kind: "status", status: 504, taken: true }, "unknown"],
    ["a call that failed at once", { kind: "failedMessage", code: 0 }, "rejected"],
  ])("reads %s", async (_name, fault, outcome) => {
    carrier.behave(fault);
    expect(await provider.send(otp(), signal)).toMatchObject({ outcome });
  });

  it("has a text for people and one for the operator, in both languages, for every error of calls and templates", () => {
    for (const [code, error] of [...CALL_ERRORS, ...WHATSAPP_ERRORS]) {
      expect(ERRORS[error.userError].es).toBeTruthy();
      expect(error.retry).toBe(error.class === "transient");
      for (const text of Object.values(error.operator))
        expect([code, text]).toEqual([code, expect.stringMatching(/^.{10,140}[^.]$/)]);
    }
    for (const code of TWILIO_ERRORS.keys()) expect(CALL_ERRORS.get(code)).toBe(TWILIO_ERRORS.get(code));
  });
});

describe("what twilio-voice is asked", () => {
  const account = { accountSid: `AC${"a".repeat(32)}`, authToken: "a-token" };
  const provider = createTwilioVoice({ ...account, from: "+13105550100", clock });
  const URL_OF_RECEIPT = "https://sms.example/receipts/twilio-voice/msg_1/x";
  const FORM_TYPE = { "content-type": "application/x-www-form-urlencoded" };

  const posted = (url: string, fields: Readonly<Record<string, string>>, authToken = account.authToken): Callback => {
    const form = { AccountSid: account.accountSid, CallSid: `CA${"b".repeat(32)}`, ...fields };
    const headers = { ...FORM_TYPE, "x-twilio-signature": sign(url, form, authToken) };
    return { url, headers, body: new URLSearchParams(form).toString() };
  };
  const fetched = (query: string): Callback => {
    const url = `${SCRIPT_URL}?${query}`;
    return { url, headers: { "x-twilio-signature": sign(url, {}, account.authToken) }, body: "" };
  };

  it.each([
    [{ CallStatus: "completed", CallDuration: "35" }, { state: "delivered" }],
    [
      { CallStatus: "completed", CallDuration: "0" },
      { state: "undelivered", code: "handset_unreachable" },
    ],
    [{ CallStatus: "completed" }, { state: "undelivered", code: "handset_unreachable" }],
    [{ CallStatus: "busy" }, { state: "undelivered", code: "handset_unreachable", vendorCode: "busy" }],
    [{ CallStatus: "no-answer" }, { state: "undelivered", code: "handset_unreachable", vendorCode: "no_answer" }],
    [{ CallStatus: "failed" }, { state: "undelivered", code: "delivery_failed", vendorCode: "failed" }],
    [{ CallStatus: "canceled" }, { state: "undelivered", code: "delivery_failed", vendorCode: "canceled" }],
  ])("reads how a call ended: %o", async (fields, receipt) => {
    const reported = await provider.readReceipt?.(posted(URL_OF_RECEIPT, fields));
    expect(reported).toMatchObject({ kind: "receipt", providerMessageId: `CA${"b".repeat(32)}`, receipt });
  });

  it.each(["queued", "initiated", "ringing", "in-progress", "toString"])(
    "keeps nothing of the status %s",
    async (status) => {
      expect(await provider.readReceipt?.(posted(URL_OF_RECEIPT, { CallStatus: status }))).toEqual({ kind: "nothing" });
    },
  );

  it("believes neither other signatures and accounts, nor forms without a status", async () => {
    const ended = { CallStatus: "completed", CallDuration: "35" };
    expect(await provider.readReceipt?.(posted(URL_OF_RECEIPT, ended, "another"))).toEqual({ kind: "forged" });
    const other = { ...ended, AccountSid: `AC${"c".repeat(32)}` };
    expect(await provider.readReceipt?.(posted(URL_OF_RECEIPT, other))).toEqual({ kind: "forged" });
    expect(await provider.readReceipt?.(posted(URL_OF_RECEIPT, {}))).toEqual({ kind: "malformed" });
  });

  const script: VoiceScript = {
    locale: "es",
    segments: [{ pauseSeconds: 1 }, { say: 'Hola <b>"Ana"</b> & Luis' }, { say: "4" }, { pauseSeconds: 2 }],
  };

  it("writes TwiML in the language of the person, lets nothing in a text be markup, and hangs up", async () => {
    const document = await provider.writeScript?.(posted(SCRIPT_URL, {}), async () => script);
    expect(document?.type).toBe("text/xml; charset=utf-8");
    expect(document?.body).toBe(
      '<?xml version="1.0" encoding="UTF-8"?><Response><Pause length="1"/>' +
        '<Say language="es-MX" voice="Polly.Mia">Hola &lt;b&gt;"Ana"&lt;/b&gt; &amp; Luis</Say>' +
        '<Say language="es-MX" voice="Polly.Mia">4</Say><Pause length="2"/><Hangup/></Response>',
    );
    const english = await provider.writeScript?.(posted(SCRIPT_URL, {}), async () => ({ ...script, locale: "en" }));
    expect(listen(english?.body ?? "").languages).toEqual(["en-US", "en-US"]);
  });

  it("takes a GET too, whose parameters are signed with the address", async () => {
    const genuine = fetched(`AccountSid=${account.accountSid}&CallStatus=in-progress`);
    expect(await provider.writeScript?.(genuine, async () => script)).not.toBeNull();
    const other = fetched(`AccountSid=AC${"c".repeat(32)}`);
    expect(await provider.writeScript?.(other, async () => script)).toBeNull();
    const moved = { ...genuine, url: genuine.url.replace("msg_1", "msg_2") };
    expect(await provider.writeScript?.(moved, async () => script)).toBeNull();
  });

  it("composes nothing for somebody who is not the vendor", async () => {
    let composed = 0;
    const compose = async () => {
      composed++;
      return script;
    };
    expect(await provider.writeScript?.(posted(SCRIPT_URL, {}, "another"), compose)).toBeNull();
    expect(await provider.writeScript?.({ url: SCRIPT_URL, headers: {}, body: "" }, compose)).toBeNull();
    expect(composed).toBe(0);
  });
});
