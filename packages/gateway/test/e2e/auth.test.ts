import {
  type BearerAuthClient,
  createAuthClient,
  createGatewayClient,
  type OpenAuthClient,
} from "@mestore/sms-gateway-client";
import { AuthAnswer, VerificationStatusBody, VerifiedAnswer } from "@mestore/sms-gateway-contract";
import { createLocalJWKSet, type JSONWebKeySet, type JWTPayload, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startGateway, type TestGateway } from "../start-gateway.ts";
import { signHostToken } from "./host-token.ts";
import { ask, expectProblem, expectShape } from "./http.ts";
import { createManualClock, type ManualClock } from "./manual-clock.ts";
import { newPhone, wrongCode } from "./phones.ts";
import { askRaw } from "./raw-http.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

const SEND_SMS = "POST /api/v1/auth/send-verification-sms";
const VERIFY_PHONE = "POST /api/v1/auth/verify-phone-otp";
const SEND_EMAIL = "POST /api/v1/auth/send-verification-email";
const VERIFY_EMAIL = "POST /api/v1/auth/verify-email-otp";
const STATUS = "GET /api/v1/auth/verification-status";

let gateway: TestGateway;
let clock: ManualClock;
let open: OpenAuthClient;

beforeAll(async () => {
  clock = createManualClock();
  gateway = await startGateway({}, { clock });
  open = createAuthClient({ baseUrl: gateway.url });
});
afterAll(() => gateway.stop());

const server = () => createGatewayClient({ baseUrl: gateway.url, apiKey: gateway.apiKey });

let people = 0;
const newSub = () => `person-${++people}`;
const newEmail = () => `person-${++people}@ejemplo.co`;

/** Claims of an access token that was just signed. */
const claims = (more: JWTPayload = {}): JWTPayload => {
  const now = clock.now() / SECOND_MS;
  return { sub: newSub(), iat: now, exp: now + 3600, ...more };
};

const bearerFor = async (payload: JWTPayload): Promise<BearerAuthClient> =>
  createAuthClient({ baseUrl: gateway.url, token: await signHostToken(gateway, payload) });

/** A user of the host, whose contact the host has told us. */
async function signIn(contact: { phone?: string | null; email?: string | null } = {}) {
  const sub = newSub();
  const { phone = newPhone(), email = newEmail() } = contact;
  const put = await server().putContact(sub, { phone, email });
  expect(put.ok).toBe(true);
  const token = await signHostToken(gateway, claims({ sub }));
  return {
    sub,
    phone: phone ?? "",
    email: email ?? "",
    token,
    client: createAuthClient({ baseUrl: gateway.url, token }),
  };
}

/** The newest code that went to an address. */
async function codeFor(to: string): Promise<string> {
  const entry = await server().inbox.wait({ to, timeout: 5 });
  if (!entry.ok || entry.data.code === null) throw new Error("no code arrived");
  return entry.data.code;
}

const sentTo = async (to: string): Promise<number> => {
  const page = await server().inbox.list({ to });
  return page.ok ? page.data.messages.length : Number.NaN;
};

const sendSms = (telefono: string, headers: Record<string, string> = {}) =>
  ask(gateway.url, SEND_SMS, { body: { telefono }, headers });
const verifyPhone = (telefono: string, otp: string, headers: Record<string, string> = {}) =>
  ask(gateway.url, VERIFY_PHONE, { body: { telefono, otp }, headers });

const proofOf = async (token: string, client = gateway) => {
  const keys = (await (await fetch(`${client.url}/.well-known/jwks.json`)).json()) as JSONWebKeySet;
  return jwtVerify(token, createLocalJWKSet(keys), { currentDate: new Date(clock.now()) });
};

describe("the open flow", () => {
  it("verifies a phone, however it is spelled, and signs a proof", async () => {
    const sent = await sendSms("310 900 4567");
    expect(sent.status).toBe(200);
    expect(expectShape(AuthAnswer, sent.body)).toEqual({
      success: true,
      message: "Código enviado a +57 310 *** 4567. Válido por 10 minutos",
      verification_status: {
        email_verified: false,
        phone_verified: false,
        has_active_otp: true,
        otp_type: "SMS",
        otp_expires_at: new Date(clock.now() + 10 * MINUTE_MS).toISOString(),
        can_request_new_otp: false,
        is_otp_blocked: false,
        otp_attempts: 0,
        otps: {
          sms: {
            active: true,
            expires_at: new Date(clock.now() + 10 * MINUTE_MS).toISOString(),
            can_request_new: false,
            is_blocked: false,
            attempts: 0,
          },
          email: { active: false, expires_at: null, can_request_new: true, is_blocked: false, attempts: 0 },
        },
        delivery: { state: "sent", message: "Entregado al operador" },
      },
    });

    const checked = await verifyPhone("+573109004567", await codeFor("+573109004567"));
    expect(checked.status).toBe(200);
    const {
      verification_status: status,
      verification_token: token,
      message,
    } = expectShape(VerifiedAnswer, checked.body);
    expect(message).toBe("Teléfono verificado");
    expect(status).toMatchObject({
      phone_verified: true,
      email_verified: false,
      has_active_otp: false,
      otp_type: null,
    });

    const { payload, protectedHeader } = await proofOf(token);
    expect(protectedHeader).toMatchObject({ typ: "verification+jwt", alg: "EdDSA" });
    expect(payload).toMatchObject({
      aud: "default",
      channel: "sms",
      address: "+573109004567",
      purpose: "verification",
      jti: expect.stringMatching(/^ver_/),
      exp: (payload.iat ?? 0) + 600,
    });
    expect(payload.sub).toBeUndefined();
  });

  it("verifies an e-mail address, whatever its letter case", async () => {
    const sent = await open.sendVerificationEmail({ email: " Ana.Gomez@Ejemplo.CO " });
    expect(sent).toMatchObject({ ok: true, status: 200 });
    if (!sent.ok) return;
    expect(expectShape(AuthAnswer, sent.data).message).toBe("Código enviado a a***@ejemplo.co. Válido por 10 minutos");
    const checked = await open.verifyEmailOtp({
      email: "ana.gomez@ejemplo.co",
      otp: await codeFor("ana.gomez@ejemplo.co"),
    });
    expect(checked).toMatchObject({
      ok: true,
      data: { message: "Email verificado", verification_status: { email_verified: true, phone_verified: false } },
    });
    if (checked.ok)
      expect((await proofOf(expectShape(VerifiedAnswer, checked.data).verification_token)).payload.channel).toBe(
        "email",
      );
  });

  it("takes a code once", async () => {
    const phone = newPhone();
    await sendSms(phone);
    const code = await codeFor(phone);
    expect((await verifyPhone(phone, code)).status).toBe(200);
    expectProblem(await verifyPhone(phone, code), "no_active_code", { message: "No hay código OTP de SMS activo" });
  });

  it("checks what a server started on B without a subject", async () => {
    const phone = newPhone();
    await server().startVerification({ to: phone, channel: "sms" });
    expect((await verifyPhone(phone, await codeFor(phone))).status).toBe(200);
  });

  it("says that there is no code, for each channel", async () => {
    const sms = await ask(gateway.url, VERIFY_PHONE, { body: { telefono: newPhone(), otp: "123456" } });
    expectProblem(sms, "no_active_code", { message: "No hay código OTP de SMS activo" });
    const email = await ask(gateway.url, VERIFY_EMAIL, { body: { email: newEmail(), otp: "123456" } });
    expectProblem(email, "no_active_code", { message: "No hay código OTP de email activo" });
  });

  it("never says whose a number is: what somebody verified can be asked for again", async () => {
    const { phone, client } = await signIn();
    await client.sendVerificationSms();
    await client.verifyPhoneOtp({ otp_code: await codeFor(phone) });
    clock.advance(MINUTE_MS);
    const again = await sendSms(phone);
    expect(again.status).toBe(200);
    expect(expectShape(AuthAnswer, again.body).verification_status.phone_verified).toBe(false);
  });

  it.each([
    ["601 234 5678", "phone_landline", "Ese número es fijo y no recibe SMS. Use un celular o pida una llamada"],
    ["5512345678", "phone_invalid", "El número de teléfono no es válido"],
    ["+52 55 1234 5678", "country_not_allowed", "Aún no enviamos mensajes a ese país"],
    ["+999 123 456 789", "phone_invalid", "El número de teléfono no es válido"],
    ["٣٠٠١٢٣٤٥٦٧", "phone_invalid", "El número de teléfono no es válido"],
    ["3001234567 ext. 5", "phone_invalid", "El número de teléfono no es válido"],
    ["", "phone_invalid", "El número de teléfono no es válido"],
  ] as const)("refuses %s as %s", async (telefono, code, message) => {
    expectProblem(await sendSms(telefono), code, { message });
    expectProblem(await verifyPhone(telefono, "123456"), code, { message });
  });

  it.each(["ana@", "ana ejemplo.co", "ana@ejemplo.co, luis@ejemplo.co", ""])(
    "refuses the address %j",
    async (email) => {
      const answer = await ask(gateway.url, SEND_EMAIL, { body: { email } });
      expectProblem(answer, "email_invalid", { message: "El email no es válido" });
    },
  );

  it.each(["12345", "1234567", " 123456", "12345a", "١٢٣٤٥٦", ""])(
    "refuses the code %j without an attempt",
    async (otp) => {
      const phone = newPhone();
      await sendSms(phone);
      expectProblem(await verifyPhone(phone, otp), "code_malformed", { message: "El código debe tener 6 dígitos" });
      expect((await verifyPhone(phone, await codeFor(phone))).status).toBe(200);
    },
  );
});

describe("the bearer variant", () => {
  it("verifies the phone and the e-mail of the contact on record", async () => {
    const { phone, email, client, sub } = await signIn();
    const sent = await client.sendVerificationSms();
    expect(sent.ok && expectShape(AuthAnswer, sent.data).verification_status.phone_verified).toBe(false);
    const checked = await client.verifyPhoneOtp({ otp_code: await codeFor(phone) });
    expect(checked).toMatchObject({ ok: true, data: { verification_status: { phone_verified: true } } });
    if (checked.ok)
      expect((await proofOf(checked.data.verification_token)).payload).toMatchObject({ sub, address: phone });

    await client.sendVerificationEmail();
    const checkedEmail = await client.verifyEmailOtp({ otp_code: await codeFor(email) });
    expect(checkedEmail).toMatchObject({
      ok: true,
      data: { verification_status: { phone_verified: true, email_verified: true } },
    });
    const status = await client.verificationStatus();
    expect(status.ok && expectShape(VerificationStatusBody, status.data)).toMatchObject({
      phone_verified: true,
      email_verified: true,
    });
    expect(await server().getContact(sub)).toMatchObject({ data: { phoneVerified: true, emailVerified: true } });
  });

  it("refuses to verify again what is verified", async () => {
    const { phone, email, client } = await signIn();
    await client.sendVerificationSms();
    await client.verifyPhoneOtp({ otp_code: await codeFor(phone) });
    await client.sendVerificationEmail();
    await client.verifyEmailOtp({ otp_code: await codeFor(email) });
    const [sms, mail] = [await client.sendVerificationSms(), await client.sendVerificationEmail()];
    expect(sms).toMatchObject({ status: 400, error: { message: "Teléfono ya está verificado" } });
    expect(mail).toMatchObject({ status: 400, error: { message: "Email ya está verificado" } });
  });

  it("says what the account lacks", async () => {
    const { client } = await signIn({ phone: null, email: null });
    const noPhone = { status: 400, error: { code: "phone_missing", message: "Usuario no tiene teléfono registrado" } };
    const noEmail = { status: 400, error: { code: "email_missing", message: "Usuario no tiene email registrado" } };
    expect(await client.sendVerificationSms()).toMatchObject(noPhone);
    expect(await client.verifyPhoneOtp({ otp_code: "123456" })).toMatchObject(noPhone);
    expect(await client.sendVerificationEmail()).toMatchObject(noEmail);
    expect(await client.verifyEmailOtp({ otp_code: "123456" })).toMatchObject(noEmail);
  });

  it("refuses the otp_type of the other endpoint", async () => {
    const { client } = await signIn();
    expect(await client.sendVerificationSms({ otp_type: "EMAIL" })).toMatchObject({
      status: 400,
      error: { code: "otp_type_wrong", message: "Este endpoint solo acepta otp_type: SMS" },
    });
    expect(await client.sendVerificationEmail({ otp_type: "SMS" })).toMatchObject({
      status: 400,
      error: { code: "otp_type_wrong", message: "Este endpoint solo acepta otp_type: EMAIL" },
    });
  });

  it("keeps codes of a bearer and of the open flow apart", async () => {
    const { phone, client } = await signIn();
    await client.sendVerificationSms();
    const code = await codeFor(phone);
    expectProblem(await verifyPhone(phone, code), "no_active_code");
    expect(await client.verifyPhoneOtp({ otp_code: code })).toMatchObject({ ok: true });
  });
});

describe("what chooses the variant", () => {
  it.each([
    [SEND_SMS, { otp_type: "SMS" }, { telefono: "3001234567" }],
    [SEND_EMAIL, { otp_type: "EMAIL" }, { email: "ana@ejemplo.co" }],
    [VERIFY_PHONE, { otp_code: "123456" }, { telefono: "3001234567", otp: "123456" }],
    [VERIFY_EMAIL, { otp_code: "123456" }, { email: "ana@ejemplo.co", otp: "123456" }],
  ])("%s takes no body of the other variant, nor one of both", async (line, forBearer, forOpen) => {
    const { token } = await signIn();
    const headers = { authorization: `Bearer ${token}` };
    expectProblem(await ask(gateway.url, line, { body: forBearer }), "fields_invalid");
    expectProblem(await ask(gateway.url, line, { body: forOpen, headers }), "fields_invalid");
    expectProblem(await ask(gateway.url, line, { body: { ...forBearer, ...forOpen } }), "fields_invalid");
    expectProblem(await ask(gateway.url, line, { body: { ...forBearer, ...forOpen }, headers }), "fields_invalid");
  });

  it.each([
    "Bearer null",
    "Bearer undefined",
    "Bearer",
    "Bearer ",
    "",
    "Basic dXNlcjpwYXNz",
    "null",
    "Bearer a b",
    `Bearer ${"a".repeat(9_000)}`,
  ])("answers 401 to Authorization %j and never the open flow", async (authorization) => {
    const phone = newPhone();
    const headers = ["Content-Type: application/json", `Authorization: ${authorization}`];
    const body = JSON.stringify({ telefono: phone });
    const answer = await askRaw(gateway.url, SEND_SMS, { headers, body });
    expectProblem(answer, "credentials_invalid", { message: "No se pudieron validar las credenciales" });
    expect(await sentTo(phone)).toBe(0);
  });

  it("wants a bearer for the status", async () => {
    expectProblem(await ask(gateway.url, STATUS), "credentials_invalid");
    const headers = { authorization: `Bearer ${gateway.apiKey}` };
    expectProblem(await ask(gateway.url, STATUS, { headers }), "credentials_invalid");
  });

  it("answers 401 without a header when the open flow is off", async () => {
    const closed = await startGateway({ OPEN_VERIFICATION: "false" });
    try {
      for (const [line, body] of [
        [SEND_SMS, { telefono: "3001234567" }],
        [VERIFY_PHONE, { telefono: "3001234567", otp: "123456" }],
        [SEND_EMAIL, { email: "ana@ejemplo.co" }],
        [VERIFY_EMAIL, { email: "ana@ejemplo.co", otp: "123456" }],
      ] as const) {
        expectProblem(await ask(closed.url, line, { body }), "credentials_invalid");
      }
    } finally {
      await closed.stop();
    }
  });
});

describe("tokens of the host", () => {
  const seconds = () => clock.now() / SECOND_MS;

  it.each<readonly [string, () => JWTPayload]>([
    ["typ refresh", () => claims({ typ: "refresh" })],
    ["type refresh", () => claims({ type: "refresh" })],
    ["token_type reset", () => claims({ token_type: "reset" })],
    ["type that is no text", () => claims({ type: true })],
    ["exp gone by", () => claims({ exp: seconds() - 31 })],
    ["exp as text", () => claims({ exp: String(seconds() + 3600) as unknown as number })],
    ["nbf in an hour", () => claims({ nbf: seconds() + 3600 })],
    ["empty sub", () => claims({ sub: "" })],
    ["sub of 256 letters", () => claims({ sub: "a".repeat(256) })],
  ])("refuses one with %s", async (_name, payload) => {
    const status = await (await bearerFor(payload())).verificationStatus();
    expect(status).toMatchObject({ ok: false, status: 401, error: { code: "credentials_invalid" } });
  });

  it("refuses one without exp, one of another secret and another algorithm of the same", async () => {
    const { exp: _exp, ...endless } = claims();
    const tokens = [
      await signHostToken(gateway, endless),
      await signHostToken(gateway, claims(), { secret: "another-secret-of-thirty-two-characters" }),
      await signHostToken(gateway, claims(), { alg: "HS512" }),
    ];
    const [head = "", payload = ""] = (await signHostToken(gateway, claims())).split(".");
    const none = Buffer.from(JSON.stringify({ alg: "none" })).toString("base64url");
    tokens.push(`${none}.${payload}.`, `${head}.${payload}.`, `${head}.${payload}`);
    for (const token of tokens) {
      expectProblem(
        await ask(gateway.url, STATUS, { headers: { authorization: `Bearer ${token}` } }),
        "credentials_invalid",
      );
    }
  });

  it("takes an access token, and leaves half a minute for clocks that differ", async () => {
    for (const more of [{ typ: "access" }, { token_type: "access" }, { exp: seconds() - 29 }]) {
      expect(await (await bearerFor(claims(more))).verificationStatus()).toMatchObject({ ok: true });
    }
  });

  it("checks issuer and audience when they are set", async () => {
    const strict = await startGateway({ JWT_ISSUER: "https://host.example", JWT_AUDIENCE: "sms" }, { clock });
    try {
      const statusOf = async (more: JWTPayload) => {
        const authorization = `Bearer ${await signHostToken(strict, claims(more))}`;
        return (await ask(strict.url, STATUS, { headers: { authorization } })).status;
      };
      expect(await statusOf({ iss: "https://host.example", aud: "sms" })).toBe(200);
      expect(await statusOf({ iss: "https://host.example", aud: ["other", "sms"] })).toBe(200);
      expect(await statusOf({ iss: "https://host.example" })).toBe(401);
      expect(await statusOf({ iss: "https://host.example", aud: "other" })).toBe(401);
      expect(await statusOf({ iss: "https://evil.example", aud: "sms" })).toBe(401);
      expect(await statusOf({ aud: "sms" })).toBe(401);
    } finally {
      await strict.stop();
    }
  });
});

describe("contacts and claims", () => {
  /** Where a send of that token goes. */
  const targetOf = async (payload: JWTPayload, phones: readonly string[]) => {
    const before = await Promise.all(phones.map(sentTo));
    await (await bearerFor(payload)).sendVerificationSms();
    const after = await Promise.all(phones.map(sentTo));
    return phones.filter((_phone, i) => after[i] !== before[i]);
  };

  it.each(["phone_number", "telefono"])(
    "takes the number from the claim %s of a user who was never PUT",
    async (claim) => {
      const phone = newPhone();
      expect(await targetOf(claims({ [claim]: phone.slice(3) }), [phone])).toEqual([phone]);
    },
  );

  it("takes the e-mail from the token that MeStore signs", async () => {
    const email = newEmail();
    const client = await bearerFor(claims({ email }));
    expect(await client.sendVerificationEmail()).toMatchObject({ ok: true });
    expect(await client.sendVerificationSms()).toMatchObject({ error: { code: "phone_missing" } });
    expect(await sentTo(email)).toBe(1);
  });

  it("believes the newer token, not the older one", async () => {
    const [first, second, third] = [newPhone(), newPhone(), newPhone()] as const;
    const sub = newSub();
    const iat = clock.now() / SECOND_MS;
    const phones = [first, second, third];
    expect(await targetOf(claims({ sub, iat: iat - 10, phone_number: first }), phones)).toEqual([first]);
    expect(await targetOf(claims({ sub, iat: iat - 5, phone_number: second }), phones)).toEqual([second]);
    clock.advance(MINUTE_MS);
    expect(await targetOf(claims({ sub, iat: iat - 7, phone_number: third }), phones)).toEqual([second]);
    clock.advance(MINUTE_MS);
    expect(await targetOf(claims({ sub, iat: iat - 5, phone_number: third }), phones)).toEqual([second]);
  });

  it("believes what the host has PUT over any claim", async () => {
    const { sub, phone } = await signIn();
    const claimed = newPhone();
    const later = clock.now() / SECOND_MS + 20;
    expect(await targetOf(claims({ sub, iat: later, phone_number: claimed }), [phone, claimed])).toEqual([phone]);
  });

  it("sends nothing to a claim that is no number of ours", async () => {
    const client = await bearerFor(claims({ phone_number: "+15005550006" }));
    expect(await client.sendVerificationSms()).toMatchObject({ error: { code: "phone_missing" } });
  });

  it("lets the flag fall when the number changes, and only then", async () => {
    const { sub, phone, email, client } = await signIn();
    await client.sendVerificationSms();
    const code = await codeFor(phone);
    await client.verifyPhoneOtp({ otp_code: code });
    const statusOf = async () => {
      const status = await client.verificationStatus();
      return status.ok && status.data.phone_verified;
    };
    await server().putContact(sub, { phone: phone.slice(3), email, name: "Ana" });
    expect(await statusOf()).toBe(true);
    await server().putContact(sub, { phone: newPhone(), email });
    expect(await statusOf()).toBe(false);
    await server().putContact(sub, { phone, email });
    expect(await statusOf()).toBe(false);
    expect(await client.sendVerificationEmail()).toMatchObject({ ok: true });
  });

  it("lets the flag fall when a newer token has another number", async () => {
    const phone = newPhone();
    const sub = newSub();
    const iat = clock.now() / SECOND_MS;
    const client = await bearerFor(claims({ sub, iat: iat - 10, phone_number: phone }));
    await client.sendVerificationSms();
    await client.verifyPhoneOtp({ otp_code: await codeFor(phone) });
    expect(await client.verificationStatus()).toMatchObject({ data: { phone_verified: true } });
    const moved = await bearerFor(claims({ sub, iat, phone_number: newPhone() }));
    expect(await moved.verificationStatus()).toMatchObject({ data: { phone_verified: false } });
  });

  it("finds no code of the old number once the number has changed", async () => {
    const { sub, phone, client } = await signIn();
    await client.sendVerificationSms();
    const code = await codeFor(phone);
    await server().putContact(sub, { phone: newPhone() });
    expect(await client.verifyPhoneOtp({ otp_code: code })).toMatchObject({ error: { code: "no_active_code" } });
  });
});

describe("the status of a bearer", () => {
  it("follows a code from before it is sent until it is used", async () => {
    const { token, phone, client } = await signIn();
    const statusOf = async () => {
      const answer = await ask(gateway.url, STATUS, { headers: { authorization: `Bearer ${token}` } });
      return expectShape(VerificationStatusBody, answer.body);
    };
    const none = { active: false, expires_at: null, can_request_new: true, is_blocked: false, attempts: 0 };
    expect(await statusOf()).toEqual({
      email_verified: false,
      phone_verified: false,
      has_active_otp: false,
      otp_type: null,
      otp_expires_at: null,
      can_request_new_otp: true,
      is_otp_blocked: false,
      otp_attempts: 0,
      otps: { sms: none, email: none },
      delivery: null,
    });

    await client.sendVerificationSms();
    const code = await codeFor(phone);
    const expires_at = new Date(clock.now() + 10 * MINUTE_MS).toISOString();
    await client.verifyPhoneOtp({ otp_code: wrongCode(code) });
    const live = { active: true, expires_at, can_request_new: false, is_blocked: false, attempts: 1 };
    expect(await statusOf()).toMatchObject({
      has_active_otp: true,
      otp_type: "SMS",
      otp_expires_at: expires_at,
      can_request_new_otp: false,
      otp_attempts: 1,
      otps: { sms: live, email: none },
    });
    await expect.poll(async () => (await statusOf()).delivery).toEqual({ state: "delivered", message: "Entregado" });

    clock.advance(MINUTE_MS);
    expect(await statusOf()).toMatchObject({
      can_request_new_otp: true,
      otps: { sms: { ...live, can_request_new: true } },
    });
    await client.verifyPhoneOtp({ otp_code: code });
    expect(await statusOf()).toMatchObject({
      phone_verified: true,
      has_active_otp: false,
      otp_type: null,
      otp_attempts: 0,
    });
  });

  it("tells of the e-mail's code when that is the live one", async () => {
    const { client } = await signIn();
    await client.sendVerificationEmail();
    expect(await client.verificationStatus()).toMatchObject({ data: { has_active_otp: true, otp_type: "EMAIL" } });
  });

  it("says that an address waits after five wrong guesses", async () => {
    const { phone, client } = await signIn();
    await client.sendVerificationSms();
    const wrong = wrongCode(await codeFor(phone));
    for (let guess = 0; guess < 5; guess++) await client.verifyPhoneOtp({ otp_code: wrong });
    clock.advance(30 * SECOND_MS);
    expect(await client.verificationStatus()).toMatchObject({
      data: {
        is_otp_blocked: true,
        can_request_new_otp: false,
        has_active_otp: false,
        otps: { sms: { is_blocked: true } },
      },
    });
    clock.advance(30 * SECOND_MS);
    expect(await client.verificationStatus()).toMatchObject({
      data: { is_otp_blocked: false, can_request_new_otp: true },
    });
  });

  it.each([
    ["+573005550020", "undelivered", "No pudimos enviar el mensaje. Intente más tarde"],
    ["+573005550021", "undelivered", "Su celular parece apagado o sin señal"],
    ["+573005550022", "undelivered", "Su operador bloqueó el mensaje"],
    ["+573005550023", "undelivered", "El número no existe o está inactivo"],
  ])("says what became of a message that the carrier took and did not deliver, %s", async (phone, state, message) => {
    const { client } = await signIn({ phone });
    await client.sendVerificationSms();
    const delivery = async () => {
      const status = await client.verificationStatus();
      return status.ok && status.data.delivery;
    };
    await expect.poll(delivery, { timeout: 4_000 }).toEqual({ state, message });
  });
});

describe("codes side by side", () => {
  it("asking for an e-mail code leaves the SMS code alone, and the other way round", async () => {
    const { phone, email, client } = await signIn();
    await client.sendVerificationSms();
    await client.sendVerificationEmail();
    const status = await client.verificationStatus();
    expect(status).toMatchObject({ data: { otps: { sms: { active: true }, email: { active: true } } } });
    const [smsCode, emailCode] = [await codeFor(phone), await codeFor(email)];
    expect(await client.verifyPhoneOtp({ otp_code: smsCode })).toMatchObject({ ok: true });
    expect(await client.verifyEmailOtp({ otp_code: emailCode })).toMatchObject({ ok: true });
  });

  it("does not take the e-mail's code for the phone", async () => {
    const { phone, email, client } = await signIn();
    await client.sendVerificationSms();
    await client.sendVerificationEmail();
    const [smsCode, emailCode] = [await codeFor(phone), await codeFor(email)];
    if (smsCode === emailCode) return;
    expect(await client.verifyPhoneOtp({ otp_code: emailCode })).toMatchObject({ error: { code: "code_incorrect" } });
  });

  it("sends the same code again, and its attempts go on", async () => {
    const phone = newPhone();
    await sendSms(phone);
    const code = await codeFor(phone);
    expectProblem(await verifyPhone(phone, wrongCode(code)), "code_incorrect");
    clock.advance(MINUTE_MS);
    const again = await sendSms(phone);
    expect(expectShape(AuthAnswer, again.body)).toMatchObject({
      message: `Código enviado a +57 310 *** 4567. Válido por 9 minutos`,
      verification_status: { otp_attempts: 1 },
    });
    expect(await sentTo(phone)).toBe(2);
    expect(await codeFor(phone)).toBe(code);
    const problem = expectProblem(await verifyPhone(phone, wrongCode(code)), "code_incorrect");
    expect(problem.attempts_remaining).toBe(3);
    expect((await verifyPhone(phone, code)).status).toBe(200);
  });

  it("makes a new code when less than a minute of the old one is left", async () => {
    const phone = newPhone();
    await sendSms(phone);
    clock.advance(9 * MINUTE_MS + SECOND_MS);
    const again = await sendSms(phone);
    expect(expectShape(AuthAnswer, again.body).message).toMatch(/Válido por 10 minutos$/);
  });
});

describe("waits and limits", () => {
  it("says how long to wait between two sends, to the second", async () => {
    const phone = newPhone();
    await sendSms(phone);
    const refused = async (seconds: number, message: string) => {
      expectProblem(await sendSms(phone), "cooldown", { message, retryAfter: seconds });
    };
    await refused(60, "Debe esperar 60 segundos entre envíos");
    clock.advance(12_500);
    await refused(48, "Debe esperar 48 segundos entre envíos");
    clock.advance(47_499);
    await refused(1, "Debe esperar 1 segundo entre envíos");
    clock.advance(1);
    expect((await sendSms(phone)).status).toBe(200);
  });

  it("ends a verification at the fifth wrong guess, then lets the address wait, then takes a new code", async () => {
    const phone = newPhone();
    await sendSms(phone);
    const code = await codeFor(phone);
    for (const message of [
      "Código incorrecto. Le quedan 4 intentos",
      "Código incorrecto. Le quedan 3 intentos",
      "Código incorrecto. Le quedan 2 intentos",
      "Código incorrecto. Le queda 1 intento",
    ]) {
      expectProblem(await verifyPhone(phone, wrongCode(code)), "code_incorrect", { message });
    }
    const fifth = expectProblem(await verifyPhone(phone, wrongCode(code)), "attempts_exhausted", {
      message: "Código incorrecto. Máximo de intentos alcanzado",
    });
    expect(fifth.attempts_remaining).toBe(0);

    const waiting = { message: "Demasiados intentos fallidos. Intente de nuevo en 1 minuto", retryAfter: 60 };
    expectProblem(await verifyPhone(phone, code), "too_many_failures", waiting);
    expectProblem(await sendSms(phone), "too_many_failures", waiting);
    clock.advance(MINUTE_MS - 1);
    expectProblem(await verifyPhone(phone, code), "too_many_failures", { retryAfter: 1 });
    clock.advance(1);
    expectProblem(await verifyPhone(phone, code), "no_active_code");

    expect((await sendSms(phone)).status).toBe(200);
    const fresh = await codeFor(phone);
    for (let guess = 0; guess < 4; guess++) await verifyPhone(phone, wrongCode(fresh));
    expectProblem(await verifyPhone(phone, wrongCode(fresh)), "attempts_exhausted");
    expectProblem(await sendSms(phone), "too_many_failures", {
      message: "Demasiados intentos fallidos. Intente de nuevo en 5 minutos",
      retryAfter: 300,
    });
    clock.advance(5 * MINUTE_MS);
    await sendSms(phone);
    expect((await verifyPhone(phone, await codeFor(phone))).status).toBe(200);
  });

  it("tells a code that has expired from one that never was", async () => {
    const phone = newPhone();
    await sendSms(phone);
    const code = await codeFor(phone);
    clock.advance(10 * MINUTE_MS);
    expectProblem(await verifyPhone(phone, code), "code_expired", { message: "El código venció. Pida uno nuevo" });
    clock.advance(HOUR_MS);
    expectProblem(await verifyPhone(phone, code), "no_active_code");
  });

  it("takes a code up to its last millisecond", async () => {
    const phone = newPhone();
    await sendSms(phone);
    clock.advance(10 * MINUTE_MS - 1);
    expect((await verifyPhone(phone, await codeFor(phone))).status).toBe(200);
  });

  it("refuses the sixth send of an hour, in whatever spelling, with the exact wait", async () => {
    const quick = await startGateway({ OTP_COOLDOWN_SECONDS: "0" }, { clock });
    try {
      const send = (telefono: string) => ask(quick.url, SEND_SMS, { body: { telefono } });
      for (const telefono of ["3201234567", "320 123 4567", "+57 320-123-4567", "573201234567", "(320) 123.4567"]) {
        expect((await send(telefono)).status).toBe(200);
        clock.advance(10 * SECOND_MS);
      }
      expectProblem(await send("+573201234567"), "rate_limited", {
        message: "Ha pedido demasiados códigos. Intente de nuevo en 60 minutos",
        retryAfter: 3550,
      });
      clock.advance(3_549_999);
      expectProblem(await send("320 123 4567"), "rate_limited", {
        message: "Ha pedido demasiados códigos. Intente de nuevo en 1 minuto",
        retryAfter: 1,
      });
      clock.advance(1);
      expect((await send("3201234567")).status).toBe(200);
      expectProblem(await send("3201234567"), "rate_limited", { retryAfter: 10 });
    } finally {
      await quick.stop();
    }
  });
});

describe("the language", () => {
  it("is Spanish unless the caller prefers English", async () => {
    for (const [accepted, locale] of [
      ["en", "en"],
      ["en-US,en;q=0.9,es;q=0.8", "en"],
      ["es-CO,es;q=0.9,en;q=0.8", "es"],
      ["fr", "es"],
      ["*", "es"],
    ] as const) {
      const answer = await sendSms("601 234 5678", { "accept-language": accepted });
      expectProblem(answer, "phone_landline", { locale });
    }
  });

  it("speaks English in answers, errors, plurals and the message itself", async () => {
    const phone = newPhone();
    const headers = { "accept-language": "en" };
    const sent = await sendSms(phone, headers);
    expect(expectShape(AuthAnswer, sent.body)).toMatchObject({
      message: "Code sent to +57 310 *** 4567. Valid for 10 minutes",
      verification_status: { delivery: { message: "Handed to the carrier" } },
    });
    const entry = await server().inbox.wait({ to: phone });
    const code = await codeFor(phone);
    expect(entry).toMatchObject({ data: { text: `MeStore code: ${code}. Expires in 10 min. Do not share it.` } });
    expectProblem(await sendSms(phone, headers), "cooldown", {
      locale: "en",
      message: "Wait 60 seconds before sending again",
    });
    for (let guess = 0; guess < 3; guess++) await verifyPhone(phone, wrongCode(code), headers);
    expectProblem(await verifyPhone(phone, wrongCode(code), headers), "code_incorrect", {
      locale: "en",
      message: "Incorrect code. 1 attempt left",
    });
    const checked = await verifyPhone(phone, code, headers);
    expect(checked.body).toMatchObject({ message: "Phone verified" });
  });

  it("follows DEFAULT_LOCALE where the caller says nothing", async () => {
    const english = await startGateway({ DEFAULT_LOCALE: "en" });
    try {
      const answer = await ask(english.url, SEND_SMS, { body: { telefono: "601 234 5678" } });
      expectProblem(answer, "phone_landline", { locale: "en" });
    } finally {
      await english.stop();
    }
  });
});
