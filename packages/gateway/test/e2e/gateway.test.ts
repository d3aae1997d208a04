import { createAuthClient, createGatewayClient, type GatewayClient } from "@mestore/sms-gateway-client";
import {
  CheckedVerification,
  Contact,
  GatewayEvent,
  GatewayStatus,
  InboxMessage,
  InboxPage,
  MagicNumberList,
  Message,
  MessagePage,
  MessageWithTimeline,
  NotificationAnswer,
  NumberLimits,
  PauseList,
  SCOPES,
  type Scope,
  SmsRateLimit,
  SmsStatus,
  StartedVerification,
  TemplateReport,
  Verification,
  VerificationWithTimeline,
} from "@mestore/sms-gateway-contract";
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { startCarrier } from "../carrier/carrier.ts";
import { startGateway, type TestGateway } from "../start-gateway.ts";
import { ask, expectProblem, expectShape } from "./http.ts";
import { createManualClock, type ManualClock } from "./manual-clock.ts";
import { newPhone, wrongCode } from "./phones.ts";
import { productionEnv } from "./production.ts";
import { askRaw } from "./raw-http.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const VERIFICATIONS = "POST /v1/verifications";
const MESSAGES = "POST /v1/messages";

let gateway: TestGateway;
let clock: ManualClock;
let client: GatewayClient;
/** Of another tenant, with every scope. */
let stranger: GatewayClient;
let strangerKey: string;

const keyFor = async (scopes: readonly Scope[], tenant = "default"): Promise<string> =>
  (await gateway.running.gateway.keys.create({ name: "test", scopes, tenant })).secret;

const authorized = (apiKey: string, more: Record<string, string> = {}) => ({
  authorization: `Bearer ${apiKey}`,
  ...more,
});

/** Takes what a call answered; an error ends the test. */
function dataOf<Data>(answer: { readonly ok: true; readonly data: Data } | { readonly ok: false }): Data {
  if (!answer.ok) throw new Error(`the call failed: ${JSON.stringify(answer)}`);
  return answer.data;
}

const codeFor = async (to: string): Promise<string> => dataOf(await client.inbox.wait({ to, timeout: 5 })).code ?? "";
const sentTo = async (to: string): Promise<number> => dataOf(await client.inbox.list({ to })).messages.length;
const notification = (to: string) => ({ to, category: "transactional", text: "Su pedido va en camino" }) as const;

beforeAll(async () => {
  clock = createManualClock();
  gateway = await startGateway({ SMS_RATE_LIMIT_PER_CLIENT: "2", OTP_COOLDOWN_SECONDS: "0" }, { clock });
  client = createGatewayClient({ baseUrl: gateway.url, apiKey: gateway.apiKey });
  strangerKey = await keyFor(SCOPES, "other");
  stranger = createGatewayClient({ baseUrl: gateway.url, apiKey: strangerKey });
});
afterAll(() => gateway.stop());

/** Every route that wants a key, and the scope that opens it. */
const KEYED: readonly (readonly [line: string, scope: Scope, body?: unknown])[] = [
  ["POST /v1/verifications", "verify", {}],
  ["GET /v1/verifications/ver_none", "read"],
  ["POST /v1/verifications/ver_none/check", "verify", {}],
  ["POST /v1/verifications/ver_none/cancel", "verify"],
  ["POST /v1/messages", "send", {}],
  ["GET /v1/messages", "read"],
  ["GET /v1/messages/msg_none", "read"],
  ["GET /v1/limits/3001234567", "operate"],
  ["DELETE /v1/limits/3001234567", "operate"],
  ["PUT /v1/contacts/nobody", "verify", { admin: true }],
  ["GET /v1/contacts/nobody", "verify"],
  ["DELETE /v1/contacts/nobody", "verify"],
  ["GET /v1/pauses", "operate"],
  ["PUT /v1/pauses", "operate", { admin: true }],
  ["DELETE /v1/pauses", "operate", { admin: true }],
  ["POST /v1/templates/lint", "read", {}],
  ["GET /v1/route?to=3001234567", "operate"],
  ["GET /v1/opt-outs", "operate"],
  ["PUT /v1/opt-outs/3001234567", "operate", {}],
  ["DELETE /v1/opt-outs/3001234567", "operate", {}],
  ["POST /v1/webhooks", "operate", {}],
  ["GET /v1/webhooks", "operate"],
  ["PATCH /v1/webhooks/whk_none", "operate", { admin: true }],
  ["DELETE /v1/webhooks/whk_none", "operate"],
  ["POST /v1/webhooks/whk_none/rotate", "operate"],
  ["POST /v1/webhooks/whk_none/test", "operate"],
  ["GET /v1/webhooks/whk_none/deliveries", "operate"],
  ["POST /v1/webhooks/deliveries/whd_none/replay", "operate"],
  ["GET /v1/status", "read"],
  ["GET /v1/events", "read"],
  ["GET /api/v1/sms/status", "operate"],
  ["GET /api/v1/sms/rate-limit/3001234567", "operate"],
  ["POST /api/v1/sms/notifications", "send", {}],
];

describe("keys and scopes", () => {
  it.each(KEYED.map(([line, scope, body]) => [line, scope, body] as const))(
    "%s wants a key with the scope %s",
    async (line, scope, body) => {
      const request = { ...(body === undefined ? {} : { body }) };
      expectProblem(await ask(gateway.url, line, request), "credentials_invalid");
      const others = await keyFor(SCOPES.filter((other) => other !== scope));
      expectProblem(await ask(gateway.url, line, { ...request, headers: authorized(others) }), "scope_missing");
      if (line.endsWith("/events")) return;
      const right = await ask(gateway.url, line, { ...request, headers: authorized(await keyFor([scope])) });
      expect([401, 403]).not.toContain(right.status);
    },
  );

  it("knows every keyed route there is", async () => {
    const document = (await ask(gateway.url, "GET /openapi.json")).body as {
      paths: Record<string, Record<string, { security?: { apiKey?: string[] }[] }>>;
    };
    const documented = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.entries(operations).flatMap(([method, { security = [] }]) =>
        security.flatMap(({ apiKey = [] }) => apiKey.map((scope) => `${method.toUpperCase()} ${path} ${scope}`)),
      ),
    );
    const known = KEYED.map(([line, scope]) => {
      const path = line
        .replace(/(ver|msg|whk|whd)_none/, "{id}")
        .replace("nobody", "{sub}")
        .replace(/\?.*/, "")
        .replace("3001234567", "{phone}");
      return `${path} ${scope}`;
    });
    expect(documented.sort()).toEqual(known.sort());
  });

  it("refuses a key that is unknown, cut short, or revoked, and a token of the host", async () => {
    const { key, secret } = await gateway.running.gateway.keys.create({ name: "gone", scopes: ["read"] });
    expect((await ask(gateway.url, "GET /v1/status", { headers: authorized(secret) })).status).toBe(200);
    await gateway.running.gateway.keys.revoke(key.id);
    for (const credential of [
      secret,
      secret.slice(0, -1),
      secret.slice(0, 12),
      "sk_",
      "eyJhbGciOiJIUzI1NiJ9.e30.AAAA",
    ]) {
      expectProblem(
        await ask(gateway.url, "GET /v1/status", { headers: authorized(credential) }),
        "credentials_invalid",
      );
    }
  });
});

describe("verifications", () => {
  it("start, are read with their timeline, and are approved once with a proof", async () => {
    const to = newPhone();
    const answer = await client.startVerification({
      to,
      channel: "sms",
      subject: "42",
      purpose: "login",
      locale: "en",
    });
    expect(answer.status).toBe(201);
    const started = expectShape(StartedVerification, dataOf(answer));
    expect(started).toMatchObject({
      status: "pending",
      to,
      channel: "sms",
      purpose: "login",
      subject: "42",
      locale: "en",
      sends: 1,
      attemptsRemaining: 5,
      createdAt: new Date(clock.now()).toISOString(),
      expiresAt: new Date(clock.now() + 10 * MINUTE_MS).toISOString(),
      endedAt: null,
    });
    const code = await codeFor(to);
    const wrong = await client.checkVerification(started.id, { code: wrongCode(code) });
    expect(wrong).toMatchObject({ status: 400, error: { code: "code_incorrect", attemptsRemaining: 4 } });
    const checked = await client.checkVerification(started.id, { code, proof: true });
    const { proof, ...verification } = expectShape(CheckedVerification, dataOf(checked));
    expect(verification).toMatchObject({ id: started.id, status: "approved", attemptsRemaining: 3 });
    const keys = (await (await fetch(`${gateway.url}/.well-known/jwks.json`)).json()) as JSONWebKeySet;
    const { payload } = await jwtVerify(proof ?? "", createLocalJWKSet(keys), { currentDate: new Date(clock.now()) });
    expect(payload).toMatchObject({ sub: "42", purpose: "login", jti: started.id, address: to });
    expect(await client.checkVerification(started.id, { code })).toMatchObject({ error: { code: "no_active_code" } });

    const read = expectShape(VerificationWithTimeline, dataOf(await client.getVerification(started.id)));
    expect(read.timeline.map(({ type }) => type)).toEqual(
      expect.arrayContaining(["verification.started", "verification.guess_incorrect", "verification.approved"]),
    );
    expect(JSON.stringify(read)).not.toContain(code);
  });

  it("sign nothing unless asked", async () => {
    const to = newPhone();
    const { id } = dataOf(await client.startVerification({ to, channel: "sms" }));
    const checked = dataOf(await client.checkVerification(id, { code: await codeFor(to) }));
    expect(expectShape(CheckedVerification, checked)).not.toHaveProperty("proof");
  });

  it("are one per purpose, subject and address while they live", async () => {
    const to = newPhone();
    const start = async (more: object = {}) =>
      dataOf(await client.startVerification({ to, channel: "sms", ...more })).id;
    const first = await start();
    expect(await start()).toBe(first);
    expect(await start({ purpose: "verification" })).toBe(first);
    expect(await start({ purpose: "payment" })).not.toBe(first);
    expect(await start({ subject: "7" })).not.toBe(first);
  });

  it("end when canceled", async () => {
    const to = newPhone();
    const { id } = dataOf(await client.startVerification({ to, channel: "sms" }));
    const code = await codeFor(to);
    const canceled = await client.cancelVerification(id);
    expect(expectShape(Verification, dataOf(canceled)).status).toBe("canceled");
    expect(await client.checkVerification(id, { code })).toMatchObject({
      status: 400,
      error: { code: "no_active_code" },
    });
    expect(dataOf(await client.cancelVerification(id)).status).toBe("canceled");
  });

  it("expire", async () => {
    const to = newPhone();
    const { id } = dataOf(await client.startVerification({ to, channel: "sms" }));
    clock.advance(10 * MINUTE_MS);
    expect(dataOf(await client.getVerification(id)).status).toBe("expired");
    expect(await client.checkVerification(id, { code: await codeFor(to) })).toMatchObject({
      error: { code: "code_expired" },
    });
  });

  it("work by e-mail", async () => {
    const { id, to } = dataOf(await client.startVerification({ to: "Ana@Ejemplo.co", channel: "email" }));
    expect(to).toBe("ana@ejemplo.co");
    expect(dataOf(await client.checkVerification(id, { code: await codeFor(to) })).status).toBe("approved");
  });

  it.each([
    [{ to: "3001234567", channel: "sms", fallback: ["email"] }, "fields_invalid"],
    [{ to: "3001234567", channel: "pigeon" }, "fields_invalid"],
    [{ to: "6012345678", channel: "voice" }, "phone_landline"],
    [{ to: "3001234567", channel: "sms", purpose: "Con Espacios" }, "fields_invalid"],
    [{ to: "3001234567", channel: "sms", subject: "" }, "fields_invalid"],
    [{ to: "3001234567", channel: "sms", clientAddress: "here" }, "fields_invalid"],
    [{ to: "3001234567", channel: "sms", tenant: "other" }, "fields_invalid"],
    [{ to: 3001234567, channel: "sms" }, "fields_invalid"],
    [{ to: "ana@ejemplo.co", channel: "sms" }, "phone_invalid"],
    [{ to: "3001234567", channel: "email" }, "email_invalid"],
    [{ to: "6012345678", channel: "sms" }, "phone_landline"],
  ] as const)("refuse %j", async (body, code) => {
    expectProblem(await ask(gateway.url, VERIFICATIONS, { body, headers: authorized(gateway.apiKey) }), code);
  });

  it("count the caller's own client address when it is passed on, an IPv6 by its /64", async () => {
    const start = async (clientAddress: string) =>
      ask(gateway.url, VERIFICATIONS, {
        body: { to: newPhone(), channel: "sms", clientAddress },
        headers: authorized(gateway.apiKey),
      });
    for (const [first, second, third, other] of [
      ["203.0.113.7", "203.0.113.7", "203.0.113.7", "203.0.113.8"],
      ["2001:db8:1:2::1", "2001:DB8:1:2:ffff::", "2001:db8:1:2:0:0:0:9", "2001:db8:1:3::1"],
    ] as const) {
      expect((await start(first)).status).toBe(201);
      expect((await start(second)).status).toBe(201);
      expectProblem(await start(third), "rate_limited", { retryAfter: 3600 });
      expect((await start(other)).status).toBe(201);
    }
    clock.advance(HOUR_MS);
  });

  it("count the sends of a subject over all of its numbers", async () => {
    const start = () => client.startVerification({ to: newPhone(), channel: "sms", subject: "many-phones" });
    for (let send = 0; send < 5; send++) expect((await start()).ok).toBe(true);
    expect(await start()).toMatchObject({ status: 429, error: { code: "rate_limited", retryAfterSeconds: 3600 } });
    clock.advance(HOUR_MS);
  });
});

describe("Prefer: wait", () => {
  const start = (to: string, prefer?: string) =>
    ask(gateway.url, VERIFICATIONS, {
      body: { to, channel: "sms" },
      headers: authorized(gateway.apiKey, prefer === undefined ? {} : { prefer }),
    });

  it("tells what the carrier said", async () => {
    const answer = await start(newPhone(), "wait=5");
    expect(answer.headers.get("preference-applied")).toBe("wait=5");
    expect(expectShape(StartedVerification, answer.body).message.state).toBe("sent");
    expectProblem(await start("+573005550009", "respond-async, wait=5"), "phone_landline");
  });

  it("is ten seconds at most, and nothing unless asked", async () => {
    expect((await start(newPhone(), "wait=600")).headers.get("preference-applied")).toBe("wait=10");
    const landline = await start("+573005550009");
    expect(landline.status).toBe(201);
    expect(landline.headers.has("preference-applied")).toBe(false);
    const { id, message } = expectShape(StartedVerification, landline.body);
    expect(message.state).toBe("sending");
    await expect
      .poll(async () => dataOf(await client.getMessage(message.id)))
      .toMatchObject({ state: "failed", errorCode: "phone_landline", verificationId: id });
    expect(dataOf(await client.getVerification(id)).status).toBe("failed");
  });

  it("ends with the wait when the carrier takes longer", async () => {
    const startedAt = performance.now();
    const answer = await start("+573005550015", "wait=1");
    expect(performance.now() - startedAt).toBeLessThan(2_500);
    expect(expectShape(StartedVerification, answer.body).message.state).toBe("sending");
  });
});

describe("Idempotency-Key", () => {
  const start = (key: string, to: string, more: Record<string, string> = {}) =>
    ask(gateway.url, VERIFICATIONS, {
      body: { to, channel: "sms" },
      headers: authorized(gateway.apiKey, { "idempotency-key": key, ...more }),
    });

  it("replays the answer, byte for byte, quoted or bare", async () => {
    const to = newPhone();
    const first = await start('"order-1"', to);
    expect(first.status).toBe(201);
    const second = await start("order-1", to);
    expect(second.text).toBe(first.text);
    expect(second.headers.get("content-type")).toBe(first.headers.get("content-type"));
    await expect.poll(() => sentTo(to)).toBe(1);
  });

  it("sends once for a hundred at the same time", async () => {
    const to = newPhone();
    const answers = await Promise.all(Array.from({ length: 100 }, () => start("order-2", to)));
    const won = answers.filter(({ status }) => status === 201);
    expect(won.length).toBeGreaterThan(0);
    expect(new Set(won.map(({ body }) => (body as StartedVerification).message.id)).size).toBe(1);
    for (const lost of answers.filter(({ status }) => status !== 201)) expectProblem(lost, "idempotency_running");
    const page = dataOf(await client.listMessages({ to }));
    expect(page.messages).toHaveLength(1);
    await expect.poll(() => sentTo(to)).toBe(1);
    expect((await start("order-2", to)).body).toMatchObject({ message: { id: page.messages[0]?.id } });
  });

  it("belongs to one body and one route", async () => {
    const to = newPhone();
    await start("order-3", to);
    expectProblem(await start("order-3", newPhone()), "idempotency_mismatch", {
      message: "Esa clave de idempotencia ya se usó con otra solicitud",
    });
    const headers = authorized(gateway.apiKey, { "idempotency-key": "order-3" });
    expectProblem(await ask(gateway.url, MESSAGES, { body: notification(to), headers }), "idempotency_mismatch");
  });

  it("is another key in another tenant's hands", async () => {
    const to = newPhone();
    const first = dataOf(await client.startVerification({ to, channel: "sms" }, { idempotencyKey: "order-4" }));
    const second = dataOf(await stranger.startVerification({ to, channel: "sms" }, { idempotencyKey: "order-4" }));
    expect(second.id).not.toBe(first.id);
    await expect.poll(() => sentTo(to)).toBe(2);
  });

  it("is kept for a day", async () => {
    const to = newPhone();
    const first = await start("order-5", to);
    clock.advance(24 * HOUR_MS - 1);
    expect((await start("order-5", to)).text).toBe(first.text);
    clock.advance(1);
    expect((await start("order-5", to)).text).not.toBe(first.text);
    await expect.poll(() => sentTo(to)).toBe(2);
  });

  it("is free again after a refusal that changed nothing", async () => {
    await client.pause({ lane: "otp" });
    const to = newPhone();
    expectProblem(await start("order-6", to), "sms_disabled");
    await client.resume({ lane: "otp" });
    expect((await start("order-6", to)).status).toBe(201);
  });

  it("is free again after a failure of ours, and keeps a refusal of the number", async () => {
    expectProblem(await start("order-7", "+573005550005", { prefer: "wait=5" }), "delivery_failed", { retryAfter: 30 });
    expectProblem(await start("order-7", "+573005550005", { prefer: "wait=5" }), "delivery_failed");
    const tries = dataOf(await client.listMessages({ to: "+573005550005" }));
    expect(tries.messages).toHaveLength(2);
    const first = await start("order-8", "+573005550001", { prefer: "wait=5" });
    expect((await start("order-8", "+573005550001", { prefer: "wait=5" })).text).toBe(first.text);
    expect(dataOf(await client.listMessages({ to: "+573005550001" })).messages).toHaveLength(1);
  });

  it.each(['""', '"a b"', "a b", "a".repeat(256), "ñ"])("must be visible ASCII, which %s is not", async (key) => {
    const headers = [
      "Content-Type: application/json",
      `Authorization: Bearer ${gateway.apiKey}`,
      `Idempotency-Key: ${key}`,
    ];
    const body = JSON.stringify({ to: newPhone(), channel: "sms" });
    expectProblem(await askRaw(gateway.url, VERIFICATIONS, { headers, body }), "fields_invalid");
  });

  it("works on messages and on both routes of surface A that send", async () => {
    const to = newPhone();
    const options = { idempotencyKey: "order-9" };
    const first = dataOf(await client.sendMessage(notification(to), options));
    expect(dataOf(await client.sendMessage(notification(to), options))).toEqual(first);

    const auth = createAuthClient({ baseUrl: gateway.url, apiKey: gateway.apiKey });
    const body = { phone_number: to, message: "Hola" };
    const sent = dataOf(await auth.sendNotification(body, { idempotencyKey: "order-10" }));
    expect(dataOf(await auth.sendNotification(body, { idempotencyKey: "order-10" }))).toEqual(sent);
    await expect.poll(() => sentTo(to)).toBe(2);

    const person = newPhone();
    const headers = { "idempotency-key": "order-11" };
    const line = "POST /api/v1/auth/send-verification-sms";
    const code = await ask(gateway.url, line, { body: { telefono: person }, headers });
    expect((await ask(gateway.url, line, { body: { telefono: person }, headers })).text).toBe(code.text);
    await expect.poll(() => sentTo(person)).toBe(1);
  });
});

describe("messages", () => {
  it("go out with a text, and are read with their timeline", async () => {
    const to = newPhone();
    const answer = await client.sendMessage(notification(to));
    expect(answer.status).toBe(202);
    const message = expectShape(Message, dataOf(answer));
    expect(message).toMatchObject({ lane: "notification", channel: "sms", to, state: "queued", segments: 1 });
    await expect.poll(async () => dataOf(await client.getMessage(message.id)).state).toBe("delivered");
    const read = expectShape(MessageWithTimeline, dataOf(await client.getMessage(message.id)));
    expect(read.timeline.map(({ type }) => type)).toEqual(["message.queued", "message.sent", "message.delivered"]);
    expect(JSON.stringify(read)).not.toContain("Su pedido");
  });

  it("go out with a template in both languages, and by e-mail", async () => {
    const to = newPhone();
    const template = { template: "order_confirmed", variables: { order: "A-7", total: "$50.000" } } as const;
    await client.sendMessage({ to, category: "transactional", ...template, locale: "en" });
    const entry = dataOf(await client.inbox.wait({ to }));
    expect(entry.text).toBe("MeStore: your order A-7 is confirmed. Total: $50.000. We will tell you when it ships.");
    const email = { to: "pedidos@ejemplo.co", channel: "email", category: "transactional", ...template } as const;
    const { segments } = dataOf(await client.sendMessage(email));
    expect(segments).toBeNull();
    expect(dataOf(await client.inbox.wait({ to: "pedidos@ejemplo.co", timeout: 5 })).text).toContain("su pedido A-7");
  });

  it.each([
    [{ text: "Hola", template: "order_confirmed" }],
    [{}],
    [{ text: "Hola", variables: { a: "b" } }],
    [{ template: "toString" }],
    [{ template: "order_confirmed", variables: { order: "A-7" } }],
    [{ template: "order_confirmed", variables: { order: "A-7", total: "1", more: "2" } }],
    [{ template: "order_confirmed", variables: { order: "A\n7", total: "1" } }],
    [{ text: "a".repeat(1601) }],
    [{ text: "Hola", category: "marketing" }],
  ])("refuse %j", async (content) => {
    const body = { to: newPhone(), category: "transactional", ...content };
    const answer = await ask(gateway.url, MESSAGES, { body, headers: authorized(gateway.apiKey) });
    expectProblem(answer, "fields_invalid");
  });

  it("are listed newest first, page by page, by recipient and by state", async () => {
    const to = newPhone();
    const ids: string[] = [];
    for (let sent = 0; sent < 3; sent++) {
      ids.unshift(dataOf(await client.sendMessage(notification(to))).id);
      clock.advance(SECOND_MS);
    }
    const first = expectShape(MessagePage, dataOf(await client.listMessages({ to, limit: 2 })));
    expect(first.messages.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    expect(first.next).not.toBeNull();
    const second = dataOf(await client.listMessages({ to, limit: 2, cursor: first.next ?? "" }));
    expect(second.messages.map(({ id }) => id)).toEqual(ids.slice(2));
    expect(second.next).toBeNull();
    expect(dataOf(await client.listMessages({ to: to.slice(3) })).messages).toHaveLength(3);
    await expect
      .poll(async () => dataOf(await client.listMessages({ to, state: "delivered" })).messages)
      .toHaveLength(3);
    expect(dataOf(await client.listMessages({ to, state: "failed" })).messages).toEqual([]);
    for (const query of ["limit=0", "limit=201", "limit=x", "state=lost", "tenant=other"]) {
      const answer = await ask(gateway.url, `GET /v1/messages?${query}`, { headers: authorized(gateway.apiKey) });
      expectProblem(answer, "fields_invalid");
    }
  });

  it("have a budget of their own: neither lane uses up the other's", async () => {
    const [first, second] = [newPhone(), newPhone()];
    for (let send = 0; send < 5; send++)
      expect((await client.startVerification({ to: first, channel: "sms" })).ok).toBe(true);
    expect(await client.startVerification({ to: first, channel: "sms" })).toMatchObject({ status: 429 });
    expect(await client.sendMessage(notification(first))).toMatchObject({ status: 202 });

    for (let send = 0; send < 5; send++) expect((await client.sendMessage(notification(second))).ok).toBe(true);
    expect(await client.sendMessage(notification(second))).toMatchObject({
      status: 429,
      error: { code: "rate_limited", retryAfterSeconds: 3600 },
    });
    expect(await client.startVerification({ to: second, channel: "sms" })).toMatchObject({ status: 201 });
  });
});

describe("tenants", () => {
  it("find nothing of each other, by any id and any method", async () => {
    const to = newPhone();
    const { id, message } = dataOf(await client.startVerification({ to, channel: "sms" }));
    const code = await codeFor(to);
    await client.putContact("shared-sub", { phone: to });
    const headers = authorized(strangerKey);
    for (const line of [
      `GET /v1/verifications/${id}`,
      `POST /v1/verifications/${id}/check`,
      `POST /v1/verifications/${id}/cancel`,
      `GET /v1/messages/${message.id}`,
      "GET /v1/contacts/shared-sub",
      "DELETE /v1/contacts/shared-sub",
    ]) {
      const body = line.endsWith("/check") ? { body: { code } } : {};
      expectProblem(await ask(gateway.url, line, { headers, ...body }), "not_found", { message: "No existe" });
    }
    expect(dataOf(await stranger.listMessages({ to })).messages).toEqual([]);
    expect(await stranger.putContact("shared-sub", { phone: newPhone() })).toMatchObject({ ok: true });
    expect(dataOf(await client.getContact("shared-sub")).phone).toBe(to);
    expect(await client.checkVerification(id, { code })).toMatchObject({
      data: { status: "approved", attemptsRemaining: 4 },
    });
  });

  it("sign for themselves", async () => {
    const to = newPhone();
    const { id } = dataOf(await stranger.startVerification({ to, channel: "sms" }));
    const { proof = "" } = dataOf(await stranger.checkVerification(id, { code: await codeFor(to), proof: true }));
    const claims = JSON.parse(Buffer.from(proof.split(".")[1] ?? "", "base64url").toString()) as { aud: string };
    expect(claims.aud).toBe("other");
  });
});

describe("contacts", () => {
  it("are put, read and deleted, whatever letters the name of the user has", async () => {
    for (const sub of ["42", "auth0|5f7c", "a/b?c=d#e", "usuario ñ"]) {
      const put = dataOf(await client.putContact(sub, { phone: "320 111 2233", email: "Ana@Ejemplo.co", name: "Ana" }));
      expect(expectShape(Contact, put)).toEqual({
        sub,
        phone: "+573201112233",
        email: "ana@ejemplo.co",
        name: "Ana",
        phoneVerified: false,
        emailVerified: false,
        updatedAt: new Date(clock.now()).toISOString(),
      });
      expect(dataOf(await client.getContact(sub))).toEqual(put);
      expect(await client.deleteContact(sub)).toEqual({ ok: true, status: 204, data: null });
      expect(await client.getContact(sub)).toMatchObject({ status: 404, error: { code: "not_found" } });
      expect(await client.deleteContact(sub)).toMatchObject({ status: 404 });
    }
  });

  it.each([
    [{ phone: "5512345678" }, "phone_invalid"],
    [{ phone: "6012345678" }, "phone_landline"],
    [{ phone: "+525512345678" }, "country_not_allowed"],
    [{ email: "ana@" }, "email_invalid"],
    [{ name: "" }, "fields_invalid"],
    [{ phoneVerified: true }, "fields_invalid"],
    [{ sub: "other" }, "fields_invalid"],
  ] as const)("refuse %j", async (body, code) => {
    expectProblem(await ask(gateway.url, "PUT /v1/contacts/42", { body, headers: authorized(gateway.apiKey) }), code);
  });
});

describe("limits of a number", () => {
  it("tell what is used up, and forget it", async () => {
    const to = newPhone();
    await client.startVerification({ to, channel: "sms" });
    const { id } = dataOf(await client.startVerification({ to, channel: "sms" }));
    await client.checkVerification(id, { code: wrongCode(await codeFor(to)) });
    const used = expectShape(NumberLimits, dataOf(await client.getLimits(to.slice(3))));
    expect(used).toMatchObject({
      phone: to,
      blocked: false,
      retryAfterSeconds: 0,
      failedGuesses: { count: 1, limit: 20 },
    });
    expect(used.windows).toEqual([
      { windowSeconds: 3600, limit: 5, count: 2, remaining: 3, resetAt: new Date(clock.now() + HOUR_MS).toISOString() },
      {
        windowSeconds: 86400,
        limit: 10,
        count: 2,
        remaining: 8,
        resetAt: new Date(clock.now() + 24 * HOUR_MS).toISOString(),
      },
    ]);
    for (let send = 0; send < 3; send++) await client.startVerification({ to, channel: "sms" });
    expect(dataOf(await client.getLimits(to))).toMatchObject({ blocked: true, retryAfterSeconds: 3600 });
    expect(await client.startVerification({ to, channel: "sms" })).toMatchObject({ status: 429 });

    expect(await client.resetLimits(to)).toEqual({ ok: true, status: 204, data: null });
    expect(dataOf(await client.getLimits(to))).toMatchObject({ blocked: false, failedGuesses: { count: 0 } });
    expect(await client.startVerification({ to, channel: "sms" })).toMatchObject({ ok: true });
  });

  it("are told on surface A in its own words", async () => {
    const to = newPhone();
    await client.startVerification({ to, channel: "sms" });
    const auth = createAuthClient({ baseUrl: gateway.url, apiKey: gateway.apiKey });
    expect(expectShape(SmsRateLimit, dataOf(await auth.smsRateLimit(to)))).toEqual({
      phone_number: to,
      current_count: 1,
      limit: 5,
      remaining: 4,
      window_seconds: 3600,
      reset_at: new Date(clock.now() + HOUR_MS).toISOString(),
      blocked: false,
    });
    expect(await auth.smsRateLimit("5512345678")).toMatchObject({ status: 422, error: { code: "phone_invalid" } });
  });
});

describe("operation", () => {
  it("tells its state on both surfaces", async () => {
    const state = expectShape(GatewayStatus, dataOf(await client.status()));
    const [store, limits] = inject("engine").split("+");
    expect(state).toMatchObject({
      environment: "development",
      simulation: true,
      smsEnabled: true,
      emailEnabled: true,
      store,
      limitBackend: limits ?? "database",
      pauses: [],
    });
    expect(state.providers.map(({ provider, channel, breaker }) => `${provider} ${channel} ${breaker}`)).toEqual([
      "simulation sms closed",
      "simulation whatsapp closed",
      "simulation voice closed",
      "simulation email closed",
    ]);
    const auth = createAuthClient({ baseUrl: gateway.url, apiKey: gateway.apiKey });
    expect(expectShape(SmsStatus, dataOf(await auth.smsStatus()))).toMatchObject({
      service_enabled: true,
      simulation_mode: true,
      twilio_configured: false,
      rate_limiting_enabled: true,
      rate_limit_backend: limits ?? "database",
      rate_limit_per_number: 5,
      rate_limit_window_seconds: 3600,
      twilio_connection: "simulation",
      twilio_account_status: null,
    });
  });

  it("sends notifications on surface A", async () => {
    const to = newPhone();
    const auth = createAuthClient({ baseUrl: gateway.url, apiKey: gateway.apiKey });
    const sent = await auth.sendNotification({ phone_number: to, message: "Hola" });
    expect(sent.status).toBe(202);
    expect(expectShape(NotificationAnswer, dataOf(sent))).toMatchObject({
      message: "Notificación en camino",
      segments: 1,
    });
    expect(dataOf(await client.inbox.wait({ to, timeout: 5 })).text).toBe("Hola");
  });

  it("pauses a lane, a country or all, and resumes", async () => {
    const otp = () => client.startVerification({ to: newPhone(), channel: "sms" });
    const text = () => client.sendMessage(notification(newPhone()));
    const paused = { status: 503, error: { code: "sms_disabled", retryAfterSeconds: 60 } };

    const pauses = expectShape(PauseList, dataOf(await client.pause({ lane: "notification" })));
    expect(pauses).toEqual({
      pauses: [{ lane: "notification", country: null, since: new Date(clock.now()).toISOString() }],
    });
    expect(await text()).toMatchObject(paused);
    expect(await otp()).toMatchObject({ ok: true });

    await client.pause({ country: "CO" });
    expect(await otp()).toMatchObject(paused);
    expect(await client.startVerification({ to: "pausa@ejemplo.co", channel: "email" })).toMatchObject({ ok: true });
    expect(dataOf(await client.listPauses()).pauses).toHaveLength(2);
    expect(dataOf(await client.status()).pauses).toHaveLength(2);
    await client.resume({ country: "CO" });
    expect(await otp()).toMatchObject({ ok: true });
    expect(await text()).toMatchObject(paused);

    await client.pause();
    expect(await otp()).toMatchObject(paused);
    expect(dataOf(await client.resume()).pauses).toEqual([]);
    expect(await text()).toMatchObject({ ok: true });
  });

  it("says what a text costs", async () => {
    const report = dataOf(await client.lintTemplate({ text: "Código {code} “listo”", variables: { code: "123456" } }));
    expect(expectShape(TemplateReport, report)).toMatchObject({ encoding: "UCS-2", segments: 1, unitsPerSegment: 70 });
    expect(report.outsideGsm7).toEqual(expect.arrayContaining(["“", "”"]));
    expect(dataOf(await client.lintTemplate({ text: "a".repeat(161) }))).toMatchObject({
      encoding: "GSM-7",
      segments: 2,
    });
  });
});

describe("events", () => {
  /** Reads events up to the first that `isLast` knows. */
  async function readUntil(
    reader: GatewayClient,
    isLast: (event: GatewayEvent) => boolean,
    after?: number,
  ): Promise<readonly GatewayEvent[]> {
    const signal = AbortSignal.timeout(5_000);
    const read: GatewayEvent[] = [];
    for await (const answer of reader.events({ signal, ...(after === undefined ? {} : { after }) })) {
      const event = expectShape(GatewayEvent, dataOf(answer));
      read.push(event);
      if (isLast(event)) return read;
    }
    throw new Error("the event did not come");
  }

  it("come as they happen, in order, of one tenant alone, and go on where a reader stopped", async () => {
    const [mine, theirs] = [newPhone(), newPhone()];
    const foreign = dataOf(await stranger.startVerification({ to: theirs, channel: "sms" }));
    const { id, message } = dataOf(await client.startVerification({ to: mine, channel: "sms" }));
    const following = readUntil(
      client,
      ({ type, verificationId }) => type === "verification.approved" && verificationId === id,
      0,
    );
    await client.checkVerification(id, { code: await codeFor(mine) });
    const events = await following;

    expect(events.map((event) => event.id)).toEqual(events.map((event) => event.id).sort((a, b) => a - b));
    const ours = events.filter(({ verificationId }) => verificationId === id);
    expect(ours[0]).toMatchObject({ type: "verification.started", messageId: message.id, data: { channel: "sms" } });
    expect(events.some(({ verificationId }) => verificationId === foreign.id)).toBe(false);

    const rest = await readUntil(client, ({ type }) => type === "verification.approved", ours[0]?.id);
    expect(rest[0]?.id).toBeGreaterThan(ours[0]?.id ?? 0);
    expect(rest.every((event) => event.id > (ours[0]?.id ?? 0))).toBe(true);
    const theirEvents = await readUntil(stranger, ({ verificationId }) => verificationId === foreign.id, 0);
    expect(theirEvents.some(({ verificationId }) => verificationId === id)).toBe(false);
  });

  it("begin with what comes next when nothing else is asked", async () => {
    const to = newPhone();
    const following = readUntil(client, () => true);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const { id } = dataOf(await client.startVerification({ to, channel: "sms" }));
    expect(await following).toMatchObject([{ type: "verification.started", verificationId: id }]);
  });

  it("hold neither codes nor whole numbers", async () => {
    const to = newPhone();
    const { id } = dataOf(await client.startVerification({ to, channel: "sms" }));
    const code = await codeFor(to);
    await client.checkVerification(id, { code });
    const events = await readUntil(
      client,
      ({ type, verificationId }) => type === "verification.approved" && verificationId === id,
      0,
    );
    const written = JSON.stringify(
      events.filter(({ verificationId }) => verificationId === id).map(({ data }) => data),
    );
    expect(written).not.toContain(code);
    expect(written).not.toContain(to);
  });
});

describe("the inbox", () => {
  it("lists, waits, hands out magic numbers and is emptied", async () => {
    const to = newPhone();
    await client.startVerification({ to, channel: "sms" });
    const entry = expectShape(InboxMessage, dataOf(await client.inbox.wait({ to, timeout: 5 })));
    expect(entry).toMatchObject({ channel: "sms", to, encoding: "GSM-7", segments: 1, subject: null, html: null });
    expect(entry.text).toBe(`MeStore: ${entry.code} es tu clave. Vence en 10 min. No la compartas.`);
    expect(expectShape(InboxPage, dataOf(await client.inbox.list({ to: to.slice(3) }))).messages).toHaveLength(1);
    expect(dataOf(await client.inbox.list({ to, after: entry.seq })).messages).toEqual([]);

    const waiting = client.inbox.wait({ to, after: entry.seq, timeout: 5 });
    await client.startVerification({ to, channel: "sms" });
    expect(dataOf(await waiting)).toMatchObject({ to, code: entry.code });

    expect(expectShape(MagicNumberList, dataOf(await client.inbox.magicNumbers())).magicNumbers.length).toBeGreaterThan(
      15,
    );
    expect(await client.inbox.clear()).toEqual({ ok: true, status: 204, data: null });
    expect(dataOf(await client.inbox.list()).messages).toEqual([]);
    expect(await client.inbox.wait({ to, timeout: 0 })).toMatchObject({ status: 404, error: { code: "not_found" } });
  });

  it("wants a wait of at most thirty seconds", async () => {
    expectProblem(await ask(gateway.url, "GET /v1/inbox/wait?to=3001234567&timeout=31"), "fields_invalid");
    expectProblem(await ask(gateway.url, "GET /v1/inbox/wait"), "fields_invalid");
    expectProblem(await ask(gateway.url, "GET /v1/inbox?to=nobody"), "phone_invalid");
  });

  it("wants a key where other machines can reach it", async () => {
    const exposed = await startGateway({ SIMULATION_EXPOSED: "true" });
    try {
      for (const line of ["GET /v1/inbox", "DELETE /v1/inbox", "GET /v1/inbox/live", "GET /v1/inbox/magic-numbers"]) {
        expectProblem(await ask(exposed.url, line), "credentials_invalid");
      }
      const headers = authorized(exposed.apiKey);
      expect((await ask(exposed.url, "GET /v1/inbox", { headers })).status).toBe(200);
    } finally {
      await exposed.stop();
    }
  });
});

describe("production", () => {
  it("has no inbox, no page, no open flow and no development key, and sends", async () => {
    const carrier = await startCarrier();
    const shown: string[] = [];
    const production = await startGateway(productionEnv(carrier), { terminal: (block) => shown.push(block) });
    try {
      expect(production.apiKey).toBe("");
      const { secret } = await production.running.gateway.keys.create({ name: "all", scopes: [...SCOPES] });
      const headers = authorized(secret);
      for (const line of [
        "GET /v1/inbox",
        "GET /v1/inbox/wait?to=3001234567",
        "DELETE /v1/inbox",
        "GET /v1/inbox/live",
      ]) {
        expectProblem(await ask(production.url, line, { headers }), "path_not_found");
      }
      expectProblem(await ask(production.url, "GET /"), "path_not_found");
      expectProblem(await ask(production.url, "GET /inbox/inbox.js"), "path_not_found");
      const open = { body: { telefono: "3001234567" } };
      expectProblem(await ask(production.url, "POST /api/v1/auth/send-verification-sms", open), "credentials_invalid");
      const email = { body: { to: "ana@ejemplo.co", channel: "email" }, headers };
      expectProblem(await ask(production.url, VERIFICATIONS, email), "email_disabled");

      const server = createGatewayClient({ baseUrl: production.url, apiKey: secret });
      const sent = await server.startVerification({ to: "+573005550009", channel: "sms" }, { waitSeconds: 5 });
      expect(dataOf(sent).message.state).toBe("sent");
      expect(carrier.sent("+573005550009")).toHaveLength(1);
      expect(shown).toEqual([]);
      expect(dataOf(await server.status())).toMatchObject({ environment: "production", simulation: false });
    } finally {
      await production.stop();
      await carrier.close();
    }
  });
});
