import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sign } from "../../../../test/carrier/callbacks.ts";
import { type Carrier, startCarrier } from "../../../../test/carrier/carrier.ts";
import type { Fault } from "../../../../test/carrier/faults.ts";
import { providerContract } from "../../../../test/contracts/provider.ts";
import type { OutgoingMessage } from "../../../domain/delivery.ts";
import { toRefusal } from "../wire/failure.ts";
import { WHATSAPP_ERRORS } from "./channel-errors.ts";
import { createTwilioWhatsapp } from "./whatsapp.ts";

const TIMEOUT_MS = 1_000;
const clock = { now: Date.now, sleep: async () => undefined };

let made = 0;
const otp = (over: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
  id: `msg_${++made}`,
  lane: "otp",
  channel: "whatsapp",
  country: "CO",
  to: `+5730012${10_000 + made}`,
  text: "MeStore: 123456 es tu clave. Vence en 10 min. No la compartas.",
  code: "123456",
  deliverBefore: Date.now() + 600_000,
  callBefore: Number.MAX_SAFE_INTEGER,
  ...over,
});

const whatsappOn = ({ account, url }: Carrier) =>
  createTwilioWhatsapp({
    accountSid: account.accountSid,
    authToken: account.authToken,
    from: account.whatsappFrom,
    contentSid: account.contentSid,
    apiBaseUrl: url,
    timeoutMs: TIMEOUT_MS,
    clock,
  });

const FAULTS = {
  refuses: { kind: "refuse", code: 63003 },
  throttles: { kind: "throttle", retryAfter: "2" },
  fails: { kind: "status", status: 503 },
  hangs: { kind: "hang" },
  talksNonsense: { kind: "garbage" },
} as const satisfies Record<string, Fault>;

providerContract("twilio-whatsapp", {
  situations: ["refuses", "throttles", "fails", "hangs", "talksNonsense"],
  async setup() {
    const carrier = await startCarrier();
    const provider = whatsappOn(carrier);
    const messageUnder = (fault: Fault) => {
      const message = otp();
      carrier.behave(fault, { to: `whatsapp:${message.to}` });
      return message;
    };
    return {
      provider,
      message: () => otp(),
      messageThat: (situation) => messageUnder(FAULTS[situation]),
      slowMessage: () => messageUnder({ kind: "hang" }),
      arrived: async (to) => carrier.sent(`whatsapp:${to}`).length,
      async close() {
        await carrier.close();
        await provider.close?.();
      },
    };
  },
});

describe("twilio-whatsapp", () => {
  const signal = new AbortController().signal;
  let carrier: Carrier;
  let provider: ReturnType<typeof whatsappOn>;
  beforeEach(async () => {
    carrier = await startCarrier();
    provider = whatsappOn(carrier);
  });
  afterEach(async () => {
    await carrier.close();
    await provider.close?.();
  });

  it("sends the code in the approved template, and no word of ours", async () => {
    const message = otp({ receiptUrl: "https://sms.example/receipts/x", deliverBefore: Date.now() + 90_500 });
    const { whatsappFrom, contentSid } = carrier.account;
    expect(await provider.send(message, signal)).toMatchObject({ outcome: "accepted", sender: whatsappFrom });
    expect(carrier.ledger.map(({ params }) => params)).toEqual([
      {
        To: `whatsapp:${message.to}`,
        From: `whatsapp:${whatsappFrom}`,
        ContentSid: contentSid,
        ContentVariables: '{"1":"123456"}',
        ValidityPeriod: "90",
        StatusCallback: "https://sms.example/receipts/x",
      },
    ]);
  });

  it("refuses what has no code, and explains it", async () => {
    const { code: _code, ...notification } = otp({ lane: "notification", text: "Su pedido va en camino" });
    const result = await provider.send(notification, signal);
    expect(result).toMatchObject({ outcome: "rejected", code: "channel_unavailable", vendorCode: "no_template" });
    expect(provider.explain?.("no_template")?.operator.en).toMatch(/approved template/);
    expect(carrier.ledger).toEqual([]);
  });

  it.each(["21655", "21656", "63003", "63016", "63018"])("gives code %s of the vendor our meaning", async (code) => {
    carrier.behave({ kind: "refuse", code: Number(code) });
    expect(await provider.send(otp(), signal)).toEqual(toRefusal(WHATSAPP_ERRORS, code));
  });

  it.each([
    ["sent", { kind: "receipt", receipt: { state: "sent" } }],
    ["delivered", { kind: "receipt", receipt: { state: "delivered" } }],
    ["read", { kind: "receipt", receipt: { state: "delivered" } }],
    ["queued", { kind: "nothing" }],
    ["undelivered", { kind: "receipt", receipt: { state: "undelivered", code: "whatsapp_missing" } }],
  ])("reads the status %s", async (status, reported) => {
    const { accountSid, authToken } = carrier.account;
    const url = "https://sms.example/receipts/twilio-whatsapp/msg_1/x";
    const form = {
      AccountSid: accountSid,
      MessageSid: `SM${"a".repeat(32)}`,
      MessageStatus: status,
      ChannelPrefix: "whatsapp",
      ...(status === "read" ? { EventType: "READ" } : {}),
      ...(status === "undelivered" ? { ErrorCode: "63024" } : {}),
    };
    const headers = {
      "content-type": "application/x-www-form-urlencoded",
      "x-twilio-signature": sign(url, form, authToken),
    };
    const body = new URLSearchParams(form).toString();
    expect(await provider.readReceipt?.({ url, headers, body })).toMatchObject(reported);
  });
});
