import { createGatewayClient } from "@mestore/sms-gateway-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startGateway, type TestGateway } from "../start-gateway.ts";
import { ask, expectProblem } from "./http.ts";

const OFF = "+573005550021";
const LANDLINE = "+573005550009";
const OPTED_OUT = "+573005550004";
const OFF_WITHOUT_WHATSAPP = "+573005550025";

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({ OTP_COOLDOWN_SECONDS: "60" });
});
afterAll(() => gateway.stop());

const client = () => createGatewayClient({ baseUrl: gateway.url, apiKey: gateway.apiKey });

async function start(to: string, fallback: readonly ("whatsapp" | "voice")[], subject: string) {
  const started = await client().startVerification({ to, channel: "sms", fallback: [...fallback], subject });
  if (!started.ok) throw new Error(started.error.message);
  return started.data;
}

async function read(id: string) {
  const answer = await client().getVerification(id);
  if (!answer.ok) throw new Error(answer.error.message);
  return answer.data;
}

const messagesTo = async (to: string) => {
  const page = await client().inbox.list({ to });
  return page.ok ? page.data.messages.map(({ channel, code, state }) => ({ channel, code, state })) : [];
};

describe("a code that does not arrive", () => {
  it("goes to WhatsApp when the phone is off, is approved, and its timeline says it all", async () => {
    const { id } = await start(OFF, ["whatsapp", "voice"], "ana");
    await expect
      .poll(() => messagesTo(OFF), { timeout: 5_000 })
      .toMatchObject([
        { channel: "whatsapp", state: "delivered" },
        { channel: "sms", state: "undelivered" },
      ]);
    const [byWhatsapp, bySms] = await messagesTo(OFF);
    expect(byWhatsapp?.code).toBe(bySms?.code);
    expect(await client().checkVerification(id, { code: byWhatsapp?.code ?? "" })).toMatchObject({
      ok: true,
      data: { status: "approved" },
    });
    const { timeline, sends } = await read(id);
    expect(sends).toBe(2);
    expect(timeline.map(({ type, data }) => [type, data["channel"] ?? data["errorCode"] ?? null])).toEqual([
      ["verification.started", "sms"],
      ["message.sent", null],
      ["message.undelivered", "handset_unreachable"],
      ["verification.fallback", "whatsapp"],
      ["message.sent", null],
      ["message.delivered", null],
      ["verification.approved", null],
    ]);
  });

  it("is called out when there is no WhatsApp either", async () => {
    await start(OFF_WITHOUT_WHATSAPP, ["whatsapp", "voice"], "eva");
    await expect
      .poll(() => messagesTo(OFF_WITHOUT_WHATSAPP), { timeout: 8_000 })
      .toMatchObject([
        { channel: "voice", state: "delivered" },
        { channel: "whatsapp", state: "undelivered" },
        { channel: "sms", state: "undelivered" },
      ]);
  });

  it("answers that it is on its way when the next channel takes over at once", async () => {
    const body = { to: LANDLINE, channel: "sms", fallback: ["voice"], subject: "luz" };
    const headers = { authorization: `Bearer ${gateway.apiKey}`, prefer: "wait=5" };
    const answer = await ask(gateway.url, "POST /v1/verifications", { body, headers });
    expect(answer.status).toBe(201);
    await expect.poll(() => messagesTo(LANDLINE)).toMatchObject([{ channel: "voice" }]);
    const without = await ask(gateway.url, "POST /v1/verifications", {
      body: { to: LANDLINE, channel: "sms", subject: "sol" },
      headers,
    });
    expectProblem(without, "phone_landline");
  });

  it("is not sent to somebody who wants no messages", async () => {
    const { id } = await start(OPTED_OUT, ["whatsapp", "voice"], "leo");
    await expect.poll(async () => (await read(id)).status).toBe("failed");
    expect(await messagesTo(OPTED_OUT)).toEqual([]);
  });

  it("has no other channel when it is an e-mail", async () => {
    const body = { to: "ana@ejemplo.co", channel: "email", fallback: ["voice"] };
    const headers = { authorization: `Bearer ${gateway.apiKey}` };
    expectProblem(await ask(gateway.url, "POST /v1/verifications", { body, headers }), "fields_invalid");
  });
});

describe("without a provider for the other channel", () => {
  it("is refused beforehand", async () => {
    const other = await startGateway({
      ENVIRONMENT: "test",
      TWILIO_ACCOUNT_SID: `AC${"0".repeat(32)}`,
      TWILIO_AUTH_TOKEN: "token",
      TWILIO_FROM_NUMBER: "+13105550100",
      TWILIO_API_BASE_URL: "http://127.0.0.1:9",
    });
    const headers = { authorization: `Bearer ${other.apiKey}` };
    const body = { to: "3001234567", channel: "sms", fallback: ["whatsapp"] };
    expectProblem(await ask(other.url, "POST /v1/verifications", { body, headers }), "fields_invalid");
    const direct = { to: "3001234567", channel: "whatsapp" };
    expectProblem(await ask(other.url, "POST /v1/verifications", { body: direct, headers }), "channel_unavailable");
    await other.stop();
  });
});
