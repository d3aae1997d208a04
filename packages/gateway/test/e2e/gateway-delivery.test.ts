import { createAuthClient, createGatewayClient } from "@mestore/sms-gateway-client";
import { AuthAnswer, NumberLimits, SmsStatus } from "@mestore/sms-gateway-contract";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Carrier, startCarrier } from "../carrier/carrier.ts";
import { startGateway, type TestGateway } from "../start-gateway.ts";
import { signHostToken } from "./host-token.ts";
import { ask, expectProblem, expectShape } from "./http.ts";
import { createManualClock, type ManualClock } from "./manual-clock.ts";
import { newPhone } from "./phones.ts";
import { carrierEnv } from "./production.ts";

const MINUTE_MS = 60_000;
const ON_ITS_WAY = "Su código va en camino a +57 310 *** 4567. Válido por 10 minutos";

let carrier: Carrier;
let gateway: TestGateway;

beforeAll(async () => {
  carrier = await startCarrier();
  gateway = await startGateway({ ENVIRONMENT: "test", ...carrierEnv(carrier), SMS_RATE_LIMIT_PER_CLIENT: "1000" });
});
afterAll(async () => {
  await gateway.stop();
  await carrier.close();
});

const send = (phone: string, to = gateway) =>
  ask(to.url, "POST /api/v1/auth/send-verification-sms", { body: { telefono: phone } });
const verify = (phone: string, otp: string, to = gateway) =>
  ask(to.url, "POST /api/v1/auth/verify-phone-otp", { body: { telefono: phone, otp } });

/** The code in the newest message that the carrier made. */
const codeFor = (phone: string): string => /\b\d{6}\b/.exec(carrier.sent(phone).at(-1)?.body ?? "")?.[0] ?? "";
const callsTo = (phone: string) => carrier.ledger.filter(({ to }) => to === phone);

const sendsCounted = async (phone: string): Promise<number | undefined> => {
  const answer = await createGatewayClient({ baseUrl: gateway.url, apiKey: gateway.apiKey }).getLimits(phone);
  return answer.ok ? expectShape(NumberLimits, answer.data).windows[0]?.count : undefined;
};

/** A signed-in user, who can ask what became of a message. */
async function signIn(phone: string) {
  const { url: baseUrl, apiKey } = gateway;
  await createGatewayClient({ baseUrl, apiKey }).putContact(phone, { phone });
  const exp = Math.floor(Date.now() / 1_000) + 600;
  const client = createAuthClient({ baseUrl, token: await signHostToken(gateway, { sub: phone, exp }) });
  const delivery = async () => {
    const status = await client.verificationStatus();
    return status.ok ? status.data.delivery : null;
  };
  return { client, delivery };
}

describe.concurrent("a code by way of a carrier", () => {
  it("reaches it once, within its life, and verifies", async () => {
    const phone = newPhone();
    const sent = await send(phone);
    expect(sent.status).toBe(200);
    expect(expectShape(AuthAnswer, sent.body).verification_status.delivery).toEqual({
      state: "sent",
      message: "Entregado al operador",
    });
    const [call, ...others] = callsTo(phone);
    expect(others).toEqual([]);
    expect(call?.body).toMatch(/^MeStore: \d{6} es tu clave\. Vence en 10 min\. No la compartas\.$/);
    expect(Number(call?.params["ValidityPeriod"])).toBeGreaterThan(590);
    expect(Number(call?.params["ValidityPeriod"])).toBeLessThanOrEqual(600);
    expect((await verify(phone, codeFor(phone))).status).toBe(200);
  });

  it.each([
    [21614, "phone_landline"],
    [21211, "phone_invalid"],
    [21408, "country_not_allowed"],
    [21610, "opted_out"],
    [21612, "channel_unavailable"],
    [21214, "number_unreachable"],
    [21606, "delivery_failed"],
    [99999, "delivery_failed"],
  ] as const)("that is refused with %s answers %s and costs nothing", async (code, expected) => {
    const phone = newPhone();
    carrier.behave({ kind: "refuse", code }, { to: phone, times: 1 });
    const refused = await send(phone);
    expectProblem(refused, expected);
    expect(refused.text).not.toContain(String(code));
    expect(await sendsCounted(phone)).toBe(0);
    expect((await send(phone)).status).toBe(200);
  });

  it.each<readonly [string, Parameters<Carrier["behave"]>[0]]>([
    ["asks to slow down", { kind: "throttle" }],
    ["is down", { kind: "status", status: 503 }],
  ])("is tried again when the carrier %s for a moment", async (_name, fault) => {
    const phone = newPhone();
    carrier.behave(fault, { to: phone, times: 1 });
    expect((await send(phone)).status).toBe(200);
    expect(callsTo(phone).length).toBe(2);
    expect(await sendsCounted(phone)).toBe(1);
  });

  it.each<readonly [string, Parameters<Carrier["behave"]>[0]]>([
    ["asks to slow down", { kind: "throttle" }],
    ["is down", { kind: "status", status: 503 }],
  ])("is given up when the carrier %s for longer, and costs nothing", async (_name, fault) => {
    const phone = newPhone();
    carrier.behave(fault, { to: phone });
    expectProblem(await send(phone), "delivery_failed", { retryAfter: 30 });
    expect(callsTo(phone)).toHaveLength(3);
    expect(await sendsCounted(phone)).toBe(0);
  });

  it("goes out once more when the carrier breaks over it, and no more", async () => {
    const phone = newPhone();
    carrier.behave({ kind: "status", status: 500, taken: true }, { to: phone, times: 1 });
    expect((await send(phone)).status).toBe(200);
    expect(carrier.sent(phone)).toHaveLength(2);
    expect(new Set(carrier.sent(phone).map(({ body }) => body)).size).toBe(1);
  });

  it("is on its way, and then unknown, when no answer tells whether it left", async () => {
    const phone = newPhone();
    const { client, delivery } = await signIn(phone);
    carrier.behave({ kind: "resetAfterBody" }, { to: phone });
    const sent = await client.sendVerificationSms();
    expect(sent).toMatchObject({ status: 202, data: { message: ON_ITS_WAY } });
    expect(await delivery()).toEqual({ state: "unknown", message: "No sabemos si llegó" });
    expect(carrier.sent(phone)).toHaveLength(2);
    expect(await sendsCounted(phone)).toBe(1);
    expect(await client.verifyPhoneOtp({ otp_code: codeFor(phone) })).toMatchObject({ ok: true });
  });

  it("is on its way after four seconds of silence, and the page learns later what became of it", async ({ expect }) => {
    const phone = newPhone();
    const { client, delivery } = await signIn(phone);
    carrier.behave({ kind: "hang" }, { to: phone, times: 1 });
    const startedAt = performance.now();
    const sent = await client.sendVerificationSms();
    expect(performance.now() - startedAt).toBeGreaterThan(3_900);
    expect(performance.now() - startedAt).toBeLessThan(5_500);
    expect(sent).toMatchObject({ status: 202, data: { message: ON_ITS_WAY } });
    expect(await delivery()).toEqual({ state: "sending", message: "En camino" });
    await expect.poll(delivery, { timeout: 9_000 }).toEqual({ state: "sent", message: "Entregado al operador" });
    expect(carrier.sent(phone)).toHaveLength(2);
  });
});

describe("a send that the carrier refuses", () => {
  let clock: ManualClock;
  let other: TestGateway;
  beforeAll(async () => {
    clock = createManualClock({ runs: true });
    other = await startGateway({ ENVIRONMENT: "test", ...carrierEnv(carrier) }, { clock });
  });
  afterAll(() => other.stop());

  it("leaves the code before it and the cool-down as they were", async () => {
    const phone = newPhone();
    await send(phone, other);
    const code = codeFor(phone);
    clock.advance(MINUTE_MS);
    carrier.behave({ kind: "refuse", code: 21614 }, { to: phone, times: 1 });
    expectProblem(await send(phone, other), "phone_landline");
    expect((await send(phone, other)).status).toBe(200);
    expect(codeFor(phone)).toBe(code);
    expectProblem(await send(phone, other), "cooldown");
    expect((await verify(phone, code, other)).status).toBe(200);
  });
});

describe("the carrier's account", () => {
  it("is told to operators, working or not", async () => {
    const statusOf = async ({ url, apiKey }: TestGateway) => {
      const answer = await createAuthClient({ baseUrl: url, apiKey }).smsStatus();
      return answer.ok && expectShape(SmsStatus, answer.data);
    };
    expect(await statusOf(gateway)).toMatchObject({
      simulation_mode: false,
      twilio_configured: true,
      twilio_connection: "active",
      twilio_account_status: "the account is active",
    });
    const suspended = await startCarrier({ status: "suspended" });
    const other = await startGateway({ ENVIRONMENT: "test", ...carrierEnv(suspended) });
    try {
      expect(await statusOf(other)).toMatchObject({ twilio_connection: "failed" });
    } finally {
      await other.stop();
      await suspended.close();
    }
  });
});
