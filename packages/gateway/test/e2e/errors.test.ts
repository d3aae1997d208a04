import { createGatewayClient } from "@mestore/sms-gateway-client";
import type { Problem } from "@mestore/sms-gateway-contract";
import { ERRORS, type ErrorCode, errorText } from "@mestore/sms-gateway-contract/errors";
import { SMTPServer } from "smtp-server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startGateway, type TestGateway } from "../start-gateway.ts";
import { signHostToken } from "./host-token.ts";
import { type Answered, ask, expectProblem } from "./http.ts";
import { createManualClock, type ManualClock } from "./manual-clock.ts";
import { newPhone, wrongCode } from "./phones.ts";
import { readRaw, writeRaw } from "./raw-http.ts";

const SEND_SMS = "POST /api/v1/auth/send-verification-sms";
const VERIFY_PHONE = "POST /api/v1/auth/verify-phone-otp";
const SEND_EMAIL = "POST /api/v1/auth/send-verification-email";
const MINUTE_MS = 60_000;

let gateway: TestGateway;
let clock: ManualClock & { isBroken: boolean };

/** The machine's own trouble: a clock that does not tell the time. */
function createBreakableClock() {
  const clock = createManualClock();
  const breakable = {
    ...clock,
    isBroken: false,
    now: () => {
      if (breakable.isBroken) throw new Error("select * from clocks failed in /usr/lib/clock.ts at 127.0.0.1");
      return clock.now();
    },
  };
  return breakable;
}

beforeAll(async () => {
  clock = createBreakableClock();
  gateway = await startGateway({}, { clock });
});
afterAll(() => gateway.stop());

const server = () => createGatewayClient({ baseUrl: gateway.url, apiKey: gateway.apiKey });
const withKey = () => ({ authorization: `Bearer ${gateway.apiKey}` });
const open = (line: string, body: unknown) => ask(gateway.url, line, { body });
const sendSms = (telefono: string) => open(SEND_SMS, { telefono });

async function live(): Promise<{ readonly phone: string; readonly code: string }> {
  const phone = newPhone();
  await sendSms(phone);
  const entry = await server().inbox.wait({ to: phone, timeout: 5 });
  return { phone, code: (entry.ok && entry.data.code) || "" };
}

let subs = 0;
/** Calls as a signed-in user with this contact. */
async function asUser(contact: { phone?: string; email?: string }) {
  const sub = `error-user-${++subs}`;
  await server().putContact(sub, contact);
  const exp = clock.now() / 1_000 + 3_600;
  const authorization = `Bearer ${await signHostToken(gateway, { sub, exp })}`;
  return (line: string, body: unknown) => ask(gateway.url, line, { body, headers: { authorization } });
}

/** Verifies the contact on one channel and asks once more. */
async function verifiedTwice(contact: { phone: string } | { email: string }): Promise<Answered> {
  const [to, type, send, verify] =
    "phone" in contact
      ? ([contact.phone, "SMS", SEND_SMS, VERIFY_PHONE] as const)
      : ([contact.email, "EMAIL", SEND_EMAIL, "POST /api/v1/auth/verify-email-otp"] as const);
  const call = await asUser(contact);
  await call(send, { otp_type: type });
  const entry = await server().inbox.wait({ to, timeout: 5 });
  await call(verify, { otp_code: entry.ok ? entry.data.code : "" });
  return call(send, { otp_type: type });
}

async function withOther(
  env: Record<string, string>,
  act: (other: TestGateway) => Promise<Answered>,
): Promise<Answered> {
  const other = await startGateway(env);
  try {
    return await act(other);
  } finally {
    await other.stop();
  }
}

async function withRefusingMailServer(act: (url: string) => Promise<Answered>): Promise<Answered> {
  const mail = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    onRcptTo: (_address, _session, done) => done(Object.assign(new Error("5.1.1 nobody"), { responseCode: 550 })),
  });
  await new Promise<void>((resolve) => mail.listen(0, "127.0.0.1", resolve));
  const address = mail.server.address();
  try {
    return await act(`smtp://127.0.0.1:${typeof address === "object" ? address?.port : ""}`);
  } finally {
    await new Promise<void>((resolve) => mail.close(() => resolve()));
  }
}

/** Two requests with one key in one packet: the second finds the first at work. */
async function twiceAtOnce(): Promise<Answered> {
  const body = JSON.stringify({ to: newPhone(), channel: "sms" });
  const request = (connection: string) =>
    [
      "POST /v1/verifications HTTP/1.1",
      `Host: ${new URL(gateway.url).host}`,
      `Connection: ${connection}`,
      `Authorization: Bearer ${gateway.apiKey}`,
      "Content-Type: application/json",
      "Idempotency-Key: at-once",
      `Content-Length: ${Buffer.byteLength(body)}`,
      "",
      body,
    ].join("\r\n");
  const heard = await writeRaw(gateway.url, request("keep-alive") + request("close"));
  return readRaw(heard.slice(heard.lastIndexOf("HTTP/1.1 ")));
}

type Produce = () => Promise<Answered>;

/** One way to come to each code. */
const PRODUCERS: { readonly [Code in ErrorCode]?: Produce } = {
  json_invalid: async () => {
    const response = await fetch(`${gateway.url}/api/v1/auth/send-verification-sms`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"telefono":',
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: JSON.parse(text) };
  },
  fields_invalid: () => open(SEND_SMS, { telefono: "3001234567", admin: true }),
  body_too_large: () => open(SEND_SMS, { telefono: "3".repeat(20_000) }),
  media_type_unsupported: () =>
    ask(gateway.url, SEND_SMS, { body: {}, headers: { "content-type": "application/x-www-form-urlencoded" } }),
  method_not_allowed: () => ask(gateway.url, "DELETE /api/v1/auth/send-verification-sms"),
  path_not_found: () => ask(gateway.url, "GET /api/v1/auth/nothing-here"),
  not_found: () => ask(gateway.url, "GET /v1/messages/msg_of_nobody", { headers: withKey() }),
  credentials_invalid: () => ask(gateway.url, "GET /v1/status"),
  scope_missing: async () => {
    const { secret } = await gateway.running.gateway.keys.create({ name: "reader", scopes: ["read"] });
    return ask(gateway.url, "POST /v1/verifications", { body: {}, headers: { authorization: `Bearer ${secret}` } });
  },
  otp_type_wrong: async () => (await asUser({ phone: newPhone() }))(SEND_SMS, { otp_type: "EMAIL" }),
  phone_missing: async () => (await asUser({ email: "solo@ejemplo.co" }))(SEND_SMS, { otp_type: "SMS" }),
  email_missing: async () => (await asUser({ phone: newPhone() }))(SEND_EMAIL, { otp_type: "EMAIL" }),
  phone_already_verified: () => verifiedTwice({ phone: newPhone() }),
  email_already_verified: () => verifiedTwice({ email: "ya@ejemplo.co" }),
  phone_invalid: () => sendSms("5512345678"),
  email_invalid: () => open(SEND_EMAIL, { email: "ana@" }),
  phone_landline: () => sendSms("601 234 5678"),
  country_not_allowed: () => sendSms("+525512345678"),
  opted_out: () => sendSms("+573005550004"),
  cooldown: async () => sendSms((await live()).phone),
  rate_limited: async () => {
    const { phone } = await live();
    for (let send = 0; send < 4; send++) {
      clock.advance(MINUTE_MS);
      await sendSms(phone);
    }
    return sendSms(phone);
  },
  no_active_code: () => open(VERIFY_PHONE, { telefono: newPhone(), otp: "123456" }),
  code_expired: async () => {
    const { phone, code } = await live();
    clock.advance(10 * MINUTE_MS);
    return open(VERIFY_PHONE, { telefono: phone, otp: code });
  },
  code_incorrect: async () => {
    const { phone, code } = await live();
    return open(VERIFY_PHONE, { telefono: phone, otp: wrongCode(code) });
  },
  attempts_exhausted: async () => {
    const { phone, code } = await live();
    const guess = () => open(VERIFY_PHONE, { telefono: phone, otp: wrongCode(code) });
    for (let wrong = 0; wrong < 4; wrong++) await guess();
    return guess();
  },
  too_many_failures: async () => {
    const { phone, code } = await live();
    const guess = () => open(VERIFY_PHONE, { telefono: phone, otp: wrongCode(code) });
    for (let wrong = 0; wrong < 5; wrong++) await guess();
    return guess();
  },
  code_malformed: () => open(VERIFY_PHONE, { telefono: newPhone(), otp: "12345" }),
  idempotency_mismatch: async () => {
    const headers = { ...withKey(), "idempotency-key": "mismatch" };
    await ask(gateway.url, "POST /v1/verifications", { body: { to: newPhone(), channel: "sms" }, headers });
    return ask(gateway.url, "POST /v1/verifications", { body: { to: newPhone(), channel: "sms" }, headers });
  },
  idempotency_running: twiceAtOnce,
  channel_unavailable: () => sendSms("+573005550002"),
  number_unreachable: () => sendSms("+573005550008"),
  email_refused: () =>
    withRefusingMailServer((url) =>
      withOther({ ENVIRONMENT: "test", SMTP_URL: url, EMAIL_FROM: "no-reply@mestore.example" }, (other) =>
        ask(other.url, SEND_EMAIL, { body: { email: "nadie@ejemplo.co" } }),
      ),
    ),
  delivery_failed: () => sendSms("+573005550005"),
  sms_disabled: () =>
    withOther({ SMS_ENABLED: "false" }, (other) => ask(other.url, SEND_SMS, { body: { telefono: newPhone() } })),
  email_disabled: () =>
    withOther({ EMAIL_OTP_ENABLED: "false" }, (other) =>
      ask(other.url, SEND_EMAIL, { body: { email: "a@ejemplo.co" } }),
    ),
  service_unavailable: () =>
    withOther({ JWT_JWKS_URL: "http://127.0.0.1:9/keys" }, async (other) => {
      const token = `${Buffer.from('{"alg":"EdDSA"}').toString("base64url")}.e30.AAAA`;
      return ask(other.url, "GET /api/v1/auth/verification-status", { headers: { authorization: `Bearer ${token}` } });
    }),
  internal_error: async () => {
    clock.isBroken = true;
    try {
      return await sendSms(newPhone());
    } finally {
      clock.isBroken = false;
    }
  },
};

const BY_RECEIPT = "a receipt brings it after the answer; verification_status.delivery says it (auth.test.ts)";

/** Why no request is answered with these. */
const NOT_AN_ANSWER: { readonly [Code in ErrorCode]?: string } = {
  number_inactive: BY_RECEIPT,
  handset_unreachable: BY_RECEIPT,
  message_blocked: BY_RECEIPT,
  message_filtered: BY_RECEIPT,
  whatsapp_missing: BY_RECEIPT,
  destination_blocked: BY_RECEIPT,
  carrier_congested: BY_RECEIPT,
  send_in_progress: "Twilio Verify alone says it",
  captcha_required: "no CAPTCHA adapter exists yet",
};

/** The only texts of the table that carry a number or a word. */
const TEXTS: { readonly [Code in ErrorCode]?: string } = {
  json_invalid: "La solicitud no es válida: el cuerpo no es JSON",
  fields_invalid: 'La solicitud no es válida: Llave desconocida: "admin"',
  method_not_allowed: "La solicitud no es válida: esta ruta acepta POST",
  otp_type_wrong: "Este endpoint solo acepta otp_type: SMS",
  cooldown: "Debe esperar 60 segundos entre envíos",
  rate_limited: "Ha pedido demasiados códigos. Intente de nuevo en 56 minutos",
  no_active_code: "No hay código OTP de SMS activo",
  code_incorrect: "Código incorrecto. Le quedan 4 intentos",
  too_many_failures: "Demasiados intentos fallidos. Intente de nuevo en 1 minuto",
  code_malformed: "El código debe tener 6 dígitos",
};

const CODES = Object.keys(ERRORS) as ErrorCode[];

describe("the table of errors", () => {
  it("has one way to each code, or a reason why no request is answered with it", () => {
    const covered = [...Object.keys(PRODUCERS), ...Object.keys(NOT_AN_ANSWER)];
    expect(covered.sort()).toEqual([...CODES].sort());
  });

  it.each(CODES.flatMap((code) => (PRODUCERS[code] === undefined ? [] : [[code, PRODUCERS[code]] as const])))(
    "answers %s as the contract says",
    async (code, produce) => {
      expectProblem(await produce(), code, { message: TEXTS[code] ?? errorText(code, "es") });
    },
  );

  it("numbers every request", async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, () => ask(gateway.url, "GET /nothing-here")));
    const ids = answers.map(({ body }) => (body as Problem).request_id);
    expect(new Set(ids).size).toBe(200);
  });
});

describe("a wait", () => {
  it("is told in the header and the body alike, also when an idempotent answer is given again", async () => {
    const headers = { ...withKey(), prefer: "wait=5", "idempotency-key": "out-of-order" };
    const body = { to: "+573005550009", channel: "sms" };
    const first = await ask(gateway.url, "POST /v1/verifications", { body, headers });
    expectProblem(first, "phone_landline");
    const again = await ask(gateway.url, "POST /v1/verifications", { body, headers });
    expectProblem(again, "phone_landline");
    expect(again.text).toBe(first.text);
  });

  it("is a minute while sending is paused, on both lanes", async () => {
    await server().pause();
    try {
      expectProblem(await sendSms(newPhone()), "sms_disabled", { retryAfter: 60 });
      expectProblem(await open(SEND_EMAIL, { email: "pausa@ejemplo.co" }), "email_disabled", { retryAfter: 60 });
      const notification = { to: newPhone(), category: "transactional", text: "Hola" };
      const sent = await ask(gateway.url, "POST /v1/messages", { body: notification, headers: withKey() });
      expectProblem(sent, "sms_disabled", { retryAfter: 60 });
    } finally {
      await server().resume();
    }
    const after = await sendSms(newPhone());
    expect(after.status).toBe(200);
  });
});
