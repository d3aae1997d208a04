import { WebhookPayload } from "@mestore/sms-gateway-contract";
import { describe, expect, it } from "vitest";
import type { StoredMessage } from "./message.ts";
import type { Verification } from "./verification.ts";
import { toWebhookData } from "./webhook-payload.ts";

const NUMBER = "+573001234567";

const verification: Verification = {
  ...{ id: "ver_1", tenant: "default", purpose: "login", subject: "42", channel: "sms", status: "pending" },
  ...{ address: { kind: "phone", value: NUMBER }, salt: new Uint8Array(16), kid: "kid1", codeLength: 6 },
  ...{ attempts: 0, maxAttempts: 5, sends: 1, locale: "es", fallback: [], lastMessageId: "msg_1" },
  ...{ createdAt: 1, expiresAt: 2, endedAt: null },
};
const message = {
  ...{ id: "msg_1", channel: "sms", to: NUMBER, text: "Su clave es 482913", userName: "Ana" },
} as unknown as StoredMessage;

const ofVerification = (type: string, data: Readonly<Record<string, unknown>> = {}) =>
  toWebhookData({ type, verificationId: "ver_1", messageId: "msg_1", data }, { verification, message: null });
const ofMessage = (type: string, data: Readonly<Record<string, unknown>> = {}) =>
  toWebhookData({ type, verificationId: null, messageId: "msg_1", data }, { verification: null, message });

describe("toWebhookData", () => {
  it.each([
    ["verification.started", {}, "pending"],
    ["verification.fallback", {}, "pending"],
    ["verification.approved", {}, "approved"],
    ["verification.canceled", {}, "canceled"],
    ["verification.guess_incorrect", { attempt: 4 }, "pending"],
    ["verification.guess_incorrect", { attempt: 5 }, "max_attempts_reached"],
    ["verification.fallback_ended", { reason: "refused" }, "pending"],
  ])("says of %s with %j: %s", (type, data, status) => {
    expect(ofVerification(type, data)).toMatchObject({ id: "ver_1", status, to: "+57 300 *** 4567", channel: "sms" });
  });

  it.each([
    ["message.queued", "queued"],
    ["message.retrying", "queued"],
    ["message.sent", "sent"],
    ["message.delivered", "delivered"],
    ["message.undelivered", "undelivered"],
    ["message.failed", "failed"],
    ["message.unknown", "unknown"],
    ["message.expired", "expired"],
  ])("says of %s: %s", (type, state) => {
    expect(ofMessage(type)).toEqual({
      ...{ id: "msg_1", verificationId: null, messageId: "msg_1", state, channel: "sms", to: "+57 300 *** 4567" },
    });
  });

  it("gives reasons, and nothing else that an event notes down", () => {
    const noted = { attempt: 2, errorCode: "phone_landline", vendorCode: "30006", reason: "deadline" };
    const said = ofMessage("message.failed", { ...noted, provider: "twilio", sender: NUMBER, code: "482913" });
    expect(said).toMatchObject(noted);
    expect(JSON.stringify(said)).not.toMatch(/482913|3001234567|sender|provider|Ana/);
    expect(WebhookPayload.shape.data.strict().parse(said)).toEqual(said);
  });

  it("takes the channel of the event before that of the message", () => {
    expect(ofVerification("verification.fallback", { channel: "voice" }).channel).toBe("voice");
    expect(ofVerification("verification.fallback", { channel: "pigeon" }).channel).toBe("sms");
  });

  it("masks an e-mail address", () => {
    const email = { ...message, channel: "email", to: "ana@shop.example" } as unknown as StoredMessage;
    const event = { type: "message.sent", verificationId: null, messageId: "msg_1", data: {} };
    expect(toWebhookData(event, { verification: null, message: email }).to).toBe("a***@shop.example");
  });

  it("says what it can of what was forgotten", () => {
    const event = { type: "message.sent", verificationId: "ver_1", messageId: "msg_1", data: {} };
    expect(toWebhookData(event, { verification: null, message: null })).toEqual({
      ...{ id: "msg_1", verificationId: "ver_1", messageId: "msg_1", state: "sent", channel: null, to: null },
    });
    const hashed = { ...message, to: "~c2FsdA" } as unknown as StoredMessage;
    expect(toWebhookData(event, { verification: null, message: hashed }).to).toBe("***");
  });
});
