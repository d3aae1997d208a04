import { createAuthClient, createGatewayClient } from "@mestore/sms-gateway-client";
import fc from "fast-check";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startGateway, type TestGateway } from "../start-gateway.ts";
import { signHostToken } from "./host-token.ts";
import { ask, expectProblem } from "./http.ts";
import { createManualClock } from "./manual-clock.ts";
import { newPhone, wrongCode } from "./phones.ts";
import { askRaw, readRaw, writeRaw } from "./raw-http.ts";

const SEND_SMS = "POST /api/v1/auth/send-verification-sms";
const VERIFY_PHONE = "POST /api/v1/auth/verify-phone-otp";
const SHOP = "https://shop.example";
/** Read to the end and refused for what it says: the request got through. */
const LANDLINE = JSON.stringify({ telefono: "601 234 5678" });

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({ CORS_ORIGINS: SHOP, SMS_RATE_LIMIT_PER_BLOCK: "1000000" });
});
afterAll(() => gateway.stop());

/** Posts a body as it is. */
const post = (body: string, type = "application/json", headers: readonly string[] = []) =>
  askRaw(gateway.url, SEND_SMS, { headers: [...(type === "" ? [] : [`Content-Type: ${type}`]), ...headers], body });

describe("what a body may be", () => {
  it.each([
    "application/json",
    "application/json; charset=utf-8",
    "application/json;charset=UTF-8",
    "Application/JSON",
  ])("reads %s", async (type) => {
    expectProblem(await post(LANDLINE, type), "phone_landline");
  });

  it.each([
    "",
    "text/json",
    "text/plain",
    "application/jsonp",
    "application/json5",
    "application/problem+json",
    "application/json; charset=latin1",
    "application/json; boundary=x",
    "application/json, text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "*/*",
    "nonsense",
  ])("answers 415 to the type %j", async (type) => {
    expectProblem(await post(LANDLINE, type), "media_type_unsupported");
  });

  it("takes 16 kB and not one byte more", async () => {
    const padded = (size: number) => `{"telefono":"601 234 5678"${" ".repeat(size - LANDLINE.length)}}`;
    expectProblem(await post(padded(16_384)), "phone_landline");
    expectProblem(await post(padded(16_385)), "body_too_large");
    const body = `${(16_385).toString(16)}\r\n${padded(16_385)}\r\n0\r\n\r\n`;
    const bytes = [
      `${SEND_SMS} HTTP/1.1`,
      `Host: ${new URL(gateway.url).host}`,
      "Content-Type: application/json",
      "Transfer-Encoding: chunked",
      "Connection: close",
      "",
      body,
    ].join("\r\n");
    expectProblem(readRaw(await writeRaw(gateway.url, bytes)), "body_too_large");
  });

  it.each(["{", "{}x", "undefined", "'a'", '{"telefono":"3001234567",}', "NaN", '{"a":"\n"}'])(
    "is no JSON when it is %j",
    async (body) => {
      expectProblem(await post(body), "json_invalid", { message: "La solicitud no es válida: el cuerpo no es JSON" });
    },
  );

  it("says that a body is missing", async () => {
    const answer = await askRaw(gateway.url, SEND_SMS, {
      headers: ["Content-Type: application/json", "Content-Length: 0"],
    });
    expectProblem(answer, "json_invalid", { message: "La solicitud no es válida: el cuerpo está vacío" });
    expectProblem(await askRaw(gateway.url, SEND_SMS, { headers: ["Content-Length: 0"] }), "fields_invalid");
  });

  it.each([
    '{"__proto__":{"admin":true},"telefono":"601 234 5678"}',
    '{"constructor":{"prototype":{"admin":true}},"telefono":"601 234 5678"}',
    '{"\\u005f_proto__":{"admin":true},"telefono":"601 234 5678"}',
  ])("refuses %s", async (body) => {
    expectProblem(await post(body), "json_invalid");
  });

  it("reads one value of a name that comes twice, never both", async () => {
    expectProblem(await post('{"telefono":"601 234 5678","telefono":"nobody"}'), "phone_invalid");
  });

  it.each([
    ["null", "se esperaba objeto, recibido nulo"],
    ["[]", "se esperaba objeto, recibido arreglo"],
    ["7", "se esperaba objeto, recibido número"],
    ['"telefono"', "se esperaba objeto, recibido texto"],
    ['{"telefono":["300 123 4567"]}', "telefono: Entrada inválida: se esperaba texto, recibido arreglo"],
    ['{"telefono":{"$ne":null}}', "telefono: Entrada inválida: se esperaba texto, recibido objeto"],
    ['{"telefono":3001234567}', "telefono: Entrada inválida: se esperaba texto, recibido número"],
    ['{"telefono":1e400}', "telefono: Entrada inválida: se esperaba texto"],
    [`${"[".repeat(8_000)}${"]".repeat(8_000)}`, "se esperaba objeto, recibido arreglo"],
    [`{"telefono":${'{"a":'.repeat(2_500)}1${"}".repeat(2_500)}}`, "se esperaba texto, recibido objeto"],
  ])("is told what is wrong, as in %s", async (body, said) => {
    expect(expectProblem(await post(body), "fields_invalid").message).toContain(said);
  });

  it("never says back what was sent", async () => {
    const answer = await post('{"telefono":["canary-7f3a"],"otp_type":"canary-7f3a"}');
    expectProblem(answer, "fields_invalid");
    expect(answer.text).not.toContain("canary");
  });

  it("may hold letters that are broken", async () => {
    for (const broken of ['{"telefono":"\\ud800"}', '{"telefono":"\u0000"}']) {
      expect([400, 422]).toContain((await post(broken)).status);
    }
    const head = `${SEND_SMS} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n`;
    const bytes = Buffer.concat([Buffer.from(`${head}{"telefono":"`), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]);
    expect([400, 422]).toContain(readRaw(await writeRaw(gateway.url, bytes)).status);
  });
});

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

describe("paths and methods", () => {
  it.each([
    "/nothing",
    "/api/v1/auth",
    "/api/v1/auth/send-verification-sms/",
    "/API/v1/auth/send-verification-sms",
    "//api/v1/auth/send-verification-sms",
    "/v1/verifications/a/b",
    "/2010-04-01/Accounts.json",
    "/metrics",
    "/.env",
  ])("%s is unknown", async (path) => {
    expectProblem(await askRaw(gateway.url, `GET ${path}`), "path_not_found", {
      message: "La solicitud no es válida: esa ruta no existe. Vea /docs",
    });
  });

  it("answers a known path with the methods that it has", async () => {
    const plain = await startGateway();
    const { paths } = (await ask(plain.url, "GET /openapi.json")).body as Document;
    const methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];
    const allows = Object.entries(paths).map(([template, operations]) => {
      const has = Object.keys(operations).map((method) => method.toUpperCase());
      if (has.includes("GET")) has.push("HEAD");
      return {
        path: template.replace(/\{\w+\}/g, "x"),
        allow: has.sort().join(", "),
        others: methods.filter((m) => !has.includes(m)),
      };
    });
    let asked = 0;
    try {
      for (const { path, allow, others } of allows) {
        for (const method of others) {
          const answer = await askRaw(plain.url, `${method} ${path}`);
          const message = `La solicitud no es válida: esta ruta acepta ${allow}`;
          expectProblem(answer, "method_not_allowed", { message });
          expect(answer.headers.get("allow")).toBe(allow);
          asked++;
        }
      }
    } finally {
      await plain.stop();
    }
    expect(asked).toBeGreaterThan(100);
  });

  it("answers HEAD like GET, without the body, and nowhere else", async () => {
    for (const [path, status] of [
      ["/livez", 200],
      ["/v1/status", 401],
      ["/nothing", 404],
      ["/api/v1/auth/send-verification-sms", 405],
    ] as const) {
      const answer = await askRaw(gateway.url, `HEAD ${path}`);
      expect(answer).toMatchObject({ status, text: "" });
    }
  });

  it("takes no method from a header, a query or a body", async () => {
    const headers = { "x-http-method-override": "DELETE", authorization: `Bearer ${gateway.apiKey}` };
    const answer = await ask(gateway.url, "POST /v1/contacts/42?_method=DELETE", {
      headers,
      body: { _method: "DELETE" },
    });
    expectProblem(answer, "method_not_allowed");
  });

  it.each([
    "/v1/messages/%zz",
    "/v1/messages/%",
    "/%c0%af",
    `/v1/messages/${"a".repeat(300)}`,
    "/inbox/%2e%2e/package.json",
    "/inbox/..%2fpackage.json",
    "/inbox/%00",
  ])("answers the address %s with a problem that does not repeat it", async (path) => {
    const answer = await askRaw(gateway.url, `GET ${path}`);
    expect([400, 404]).toContain(answer.status);
    expectProblem(answer, answer.status === 404 ? "path_not_found" : "json_invalid");
    expect(answer.text).not.toContain(path);
  });
});

describe("who is asked", () => {
  it.each(["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "[::1].evil.example", "0.0.0.0", ""])(
    "answers no request for the host %j",
    async (host) => {
      for (const line of ["GET /livez", "GET /nothing", "GET /", SEND_SMS]) {
        expectProblem(await askRaw(gateway.url, line, { headers: [`Host: ${host}`] }), "json_invalid", {
          message: "La solicitud no es válida: este servidor solo responde a localhost",
        });
      }
    },
  );

  it.each(["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000"])("answers for %s", async (host) => {
    expect((await askRaw(gateway.url, "GET /livez", { headers: [`Host: ${host}`] })).status).toBe(200);
  });

  it("answers any host, but not none, where it is meant to be reached", async () => {
    const exposed = await startGateway({ SIMULATION_EXPOSED: "true" });
    try {
      expect((await askRaw(exposed.url, "GET /livez", { headers: ["Host: sms.shop.example"] })).status).toBe(200);
      const bare = readRaw(await writeRaw(exposed.url, "GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n"));
      expectProblem(bare, "json_invalid", { message: "La solicitud no es válida: falta el encabezado Host" });
    } finally {
      await exposed.stop();
    }
  });
});

describe("pages of other origins", () => {
  const preflight = (path: string, origin: string) =>
    askRaw(gateway.url, `OPTIONS ${path}`, {
      headers: [
        `Origin: ${origin}`,
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Headers: content-type",
      ],
    });

  it("may call the auth routes when they are listed, and read how long to wait", async () => {
    const allowed = await preflight("/api/v1/auth/send-verification-sms", SHOP);
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get("access-control-allow-origin")).toBe(SHOP);
    expect(allowed.headers.get("access-control-allow-methods")).toBe("GET, POST");
    expect(allowed.headers.get("access-control-allow-headers")).toMatch(/Authorization, Content-Type/);
    expect(allowed.headers.get("access-control-allow-credentials")).toBeNull();

    const phone = newPhone();
    const send = () => ask(gateway.url, SEND_SMS, { body: { telefono: phone }, headers: { origin: SHOP } });
    const sent = await send();
    expect(sent.headers.get("access-control-allow-origin")).toBe(SHOP);
    const refused = await send();
    expectProblem(refused, "cooldown");
    expect(refused.headers.get("access-control-allow-origin")).toBe(SHOP);
    expect(refused.headers.get("access-control-expose-headers")).toBe("Retry-After");
    expect(refused.headers.get("vary")).toMatch(/origin/i);
  });

  it.each(["https://evil.example", "http://shop.example", "https://shop.example.evil.example", "null"])(
    "are not helped when they are %s",
    async (origin) => {
      expect(
        (await preflight("/api/v1/auth/send-verification-sms", origin)).headers.has("access-control-allow-origin"),
      ).toBe(false);
      const answer = await ask(gateway.url, "GET /api/v1/auth/verification-status", { headers: { origin } });
      expect(answer.headers.has("access-control-allow-origin")).toBe(false);
    },
  );

  it.each(["/v1/verifications", "/v1/inbox", "/api/v1/sms/notifications", "/livez"])(
    "are not helped on %s",
    async (path) => {
      expect((await preflight(path, SHOP)).headers.has("access-control-allow-origin")).toBe(false);
      const answer = await ask(gateway.url, `GET ${path}`, { headers: { origin: SHOP } });
      expect(answer.headers.has("access-control-allow-origin")).toBe(false);
    },
  );

  it("are not helped anywhere unless somebody is listed", async () => {
    const plain = await startGateway();
    try {
      const answer = await askRaw(plain.url, "OPTIONS /api/v1/auth/send-verification-sms", {
        headers: [`Origin: ${SHOP}`, "Access-Control-Request-Method: POST"],
      });
      expectProblem(answer, "method_not_allowed");
      expect(answer.headers.has("access-control-allow-origin")).toBe(false);
    } finally {
      await plain.stop();
    }
  });
});

describe("headers of every answer", () => {
  it.each(["GET /livez", "GET /nothing", "GET /v1/status", "GET /", "GET /docs", "GET /v1/inbox"])(
    "%s",
    async (line) => {
      const { headers } = await ask(gateway.url, line);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("content-security-policy")).toMatch(/default-src '(none|self)'/);
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("cross-origin-resource-policy")).toBe("same-origin");
      expect(headers.get("strict-transport-security")).not.toBeNull();
      expect(headers.has("x-powered-by")).toBe(false);
      expect(headers.has("server")).toBe(false);
    },
  );

  it("lets no page frame another", async () => {
    for (const line of ["GET /", "GET /livez"]) {
      expect((await ask(gateway.url, line)).headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
    }
  });
});

describe("where a request came from", () => {
  const send = (to: TestGateway, headers: Record<string, string> = {}) =>
    ask(to.url, SEND_SMS, { body: { telefono: newPhone() }, headers });

  it("is the socket, whatever the headers say", async () => {
    const direct = await startGateway({ ENVIRONMENT: "test", SMS_RATE_LIMIT_PER_CLIENT: "2" });
    try {
      expect((await send(direct, { "x-forwarded-for": "203.0.113.1" })).status).toBe(200);
      expect((await send(direct, { forwarded: "for=203.0.113.2" })).status).toBe(200);
      for (const name of [
        "x-forwarded-for",
        "forwarded",
        "x-real-ip",
        "cf-connecting-ip",
        "true-client-ip",
        "x-client-ip",
      ]) {
        expectProblem(await send(direct, { [name]: "203.0.113.3" }), "rate_limited");
      }
    } finally {
      await direct.stop();
    }
  });

  it("is what a trusted proxy says, an IPv6 subscriber by the /64", async () => {
    const env = { ENVIRONMENT: "test", SMS_RATE_LIMIT_PER_CLIENT: "2", TRUST_PROXY: "127.0.0.1" };
    const behind = await startGateway(env);
    try {
      const from = (address: string) => send(behind, { "x-forwarded-for": address });
      for (const [first, second, third, other] of [
        ["203.0.113.1", "::ffff:203.0.113.1", "198.51.100.9, 203.0.113.1", "203.0.113.2"],
        ["2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:DB8:1:2:0::9", "2001:db8:1:3::1"],
      ] as const) {
        expect((await from(first)).status).toBe(200);
        expect((await from(second)).status).toBe(200);
        expectProblem(await from(third), "rate_limited", { retryAfter: 3600 });
        expect((await from(other)).status).toBe(200);
      }
    } finally {
      await behind.stop();
    }
  });
});

describe("slow and broken requests", () => {
  it("have little time", () => {
    const { server } = gateway.running.gateway.app;
    expect(server.headersTimeout).toBe(10_000);
    expect(server.requestTimeout).toBe(15_000);
    expect(server.keepAliveTimeout).toBe(30_000);
  });

  it.each([
    ["no HTTP", "\u0000\u0001 nonsense\r\n\r\n"],
    ["an unknown method", "FOO /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"],
    ["a header without a colon", "GET /livez HTTP/1.1\r\nHost: localhost\r\nbroken header\r\n\r\n"],
    ["headers of 20 kB", `GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ${"a".repeat(20_000)}\r\n\r\n`],
    ["a length that is none", `${SEND_SMS} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ten\r\n\r\n`],
    [
      "a length and chunks",
      `${SEND_SMS} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ["two lengths", `${SEND_SMS} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}`],
    [
      "an expectation",
      `${SEND_SMS} HTTP/1.1\r\nHost: localhost\r\nExpect: the-impossible\r\nContent-Length: 2\r\n\r\n{}`,
    ],
  ])("answers %s with a problem and hangs up", async (_name, bytes) => {
    const answer = readRaw(await writeRaw(gateway.url, bytes));
    expectProblem(answer, "json_invalid", { message: "La solicitud no es válida: la petición HTTP está rota" });
    expect(answer.headers.get("connection")).toBe("close");
  });

  it("does not undo a compressed body", async () => {
    const answer = await post(LANDLINE, "application/json", ["Content-Encoding: gzip"]);
    expect([400, 415, 422]).toContain(answer.status);
  });

  it("answers random requests without a failure of its own", async () => {
    const document = (await ask(gateway.url, "GET /openapi.json")).body as Document;
    const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const lines = routes.filter((line) => !/events|live|inbox\/wait/.test(line));
    const names = fc.constantFrom(
      "to",
      "channel",
      "telefono",
      "email",
      "otp",
      "code",
      "text",
      "otp_type",
      "lane",
      "phone",
    );
    const values = fc.oneof(fc.constantFrom("sms", "3001234567", "123456", "SMS"), fc.jsonValue({ maxDepth: 3 }));
    const requests = fc.record({
      line: fc.constantFrom(...lines),
      body: fc.oneof(fc.dictionary(names, values), fc.jsonValue()),
      part: fc.string({ unit: "binary", maxLength: 80 }),
      hasKey: fc.boolean(),
    });
    const answersAnything = fc.asyncProperty(requests, async ({ line, body, part, hasKey }) => {
      const asked = line.replace(/\{\w+\}/, encodeURIComponent(part.toWellFormed()) || "x");
      const { status } = await ask(gateway.url, asked, {
        ...(line.startsWith("GET") ? {} : { body }),
        ...(hasKey ? { headers: { authorization: `Bearer ${gateway.apiKey}` } } : {}),
      });
      // An operator may pause everything; a random one now and then does.
      expect(status === 503 || status < 500, `${asked} answers ${status}`).toBe(true);
    });
    await fc.assert(answersAnything, { numRuns: 300, seed: 20_260_115 });
    await createGatewayClient({ baseUrl: gateway.url, apiKey: gateway.apiKey }).resume();
  });
});

describe("logs", () => {
  it("hold the route's template, and no number, code, key, token, query or body", async () => {
    const lines: string[] = [];
    const logger = pino({ level: "trace" }, { write: (line: string) => lines.push(line) });
    const logged = await startGateway({}, { logger });
    const phone = "+573104445566";
    const { url: baseUrl, apiKey } = logged;
    const server = createGatewayClient({ baseUrl, apiKey });
    const token = await signHostToken(logged, { sub: "canary-sub", exp: Math.floor(Date.now() / 1_000) + 600 });
    let code = "";
    try {
      await server.putContact("canary-sub", { phone, email: "canary@ejemplo.co", name: "Canary Name" });
      const person = createAuthClient({ baseUrl, token });
      await person.sendVerificationSms();
      const entry = await server.inbox.wait({ to: phone });
      code = (entry.ok && entry.data.code) || "";
      expect(code).toMatch(/^\d{6}$/);
      await person.verifyPhoneOtp({ otp_code: wrongCode(code) });
      await person.verifyPhoneOtp({ otp_code: code });
      await ask(baseUrl, SEND_SMS, { body: { telefono: phone } });
      await ask(baseUrl, VERIFY_PHONE, { body: { telefono: phone, otp: code } });
      await ask(baseUrl, SEND_SMS, { body: { telefono: "+573005550005" } });
      await server.listMessages({ to: phone });
      await server.getLimits(phone);
      await ask(baseUrl, `GET /nothing/${phone}?code=${code}`);
      await ask(baseUrl, `GET /v1/limits/${phone}?key=${apiKey}`, { headers: { authorization: `Bearer ${apiKey}x` } });
      await askRaw(baseUrl, `GET /v1/messages/%zz${code}`);
      await writeRaw(baseUrl, `BROKEN ${phone} ${code}\r\n\r\n`);
      await askRaw(baseUrl, SEND_SMS, { headers: ["Content-Type: application/json"], body: `{"telefono":"${phone}"` });
    } finally {
      await logged.stop();
    }
    const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    const requests = entries.filter(({ msg }) => msg === "request");
    const routes = requests.map(({ method, route }) => `${method} ${route}`);
    expect(routes).toEqual(
      expect.arrayContaining([
        SEND_SMS,
        VERIFY_PHONE,
        "PUT /v1/contacts/:sub",
        "GET /v1/limits/:phone",
        "GET /v1/messages",
        "GET unknown",
      ]),
    );
    expect(new Set(requests.map(({ reqId }) => reqId)).size).toBe(requests.length);
    const written = entries.map(({ time: _time, ...rest }) => JSON.stringify(rest)).join("\n");
    for (const canary of [phone, "3104445566", "4445566", code, apiKey, token, "canary", "Canary", "3005550005", "?"]) {
      expect(written).not.toContain(canary);
    }
  });
});

describe("the terminal of the simulation", () => {
  it("shows each message as documented, without characters that could act on it", async () => {
    const blocks: string[] = [];
    const clock = createManualClock();
    const shown = await startGateway({}, { clock, terminal: (block) => blocks.push(block) });
    try {
      const server = createGatewayClient({ baseUrl: shown.url, apiKey: shown.apiKey });
      const name = "Test\u001b[31m\r\nUser\u202e\u0007";
      await server.putContact("42", { phone: "+573104445566", email: "test@ejemplo.co", name });
      const token = await signHostToken(shown, { sub: "42", exp: clock.now() / 1_000 + 600 });
      const person = createAuthClient({ baseUrl: shown.url, token });
      await person.sendVerificationSms();
      const entry = await server.inbox.wait({ to: "+573104445566" });
      const code = entry.ok ? entry.data.code : "";
      await expect.poll(() => blocks).toHaveLength(1);
      expect(blocks[0]).toBe(
        `📱 SIMULACIÓN SMS OTP:
   Para: +573104445566
   Código: ${code}
   Usuario: Test[31m User
   Mensaje: MeStore: ${code} es tu clave. Vence en 10 min. No la compartas.
   Timestamp: 2026-01-15 12:00:00.000000
`,
      );
      await ask(shown.url, SEND_SMS, { body: { telefono: newPhone() } });
      await expect.poll(() => blocks).toHaveLength(2);
      expect(blocks[1]).not.toContain("Usuario");
      await person.sendVerificationEmail();
      await expect.poll(() => blocks).toHaveLength(3);
      expect(blocks[2]).toMatch(/^📧 SIMULACIÓN EMAIL OTP:\n {3}Para: test@ejemplo\.co\n {3}Código: \d{6}\n/);
      expect(blocks.join("").replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    } finally {
      await shown.stop();
    }
  });
});
