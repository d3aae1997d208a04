import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { answerJson, type RecordingServer, startRecordingServer } from "../test/recording-server.ts";
import { type Answer, createGatewayClient, type GatewayClient } from "./index.ts";

let server: RecordingServer;
let client: GatewayClient;

beforeEach(async () => {
  server = await startRecordingServer();
  client = createGatewayClient({ baseUrl: server.url, apiKey: "sk_test" });
});

afterEach(() => server.stop());

const PHONE = "+573001234567";
const message = { to: PHONE, category: "transactional", text: "Hola" } as const;

/** What goes over the wire, and the call that sends it. */
type Route = readonly [line: string, body: unknown, ask: (client: GatewayClient) => Promise<Answer<unknown>>];

const start = { to: PHONE, channel: "sms" } as const;
const check = { code: "012345", proof: true };
const contact = { phone: PHONE, email: null };
const template = { text: "Hola" };

const routes: readonly Route[] = [
  ["POST /v1/verifications", start, (c) => c.startVerification(start)],
  ["GET /v1/verifications/ver_1", null, (c) => c.getVerification("ver_1")],
  ["POST /v1/verifications/ver_1/check", check, (c) => c.checkVerification("ver_1", check)],
  ["POST /v1/verifications/ver_1/cancel", null, (c) => c.cancelVerification("ver_1")],
  ["POST /v1/messages", message, (c) => c.sendMessage(message)],
  ["GET /v1/messages", null, (c) => c.listMessages()],
  ["GET /v1/messages?to=%2B573001234567&limit=5", null, (c) => c.listMessages({ to: PHONE, limit: 5 })],
  ["GET /v1/messages/msg_1", null, (c) => c.getMessage("msg_1")],
  ["GET /v1/limits/%2B573001234567", null, (c) => c.getLimits(PHONE)],
  ["DELETE /v1/limits/%2B573001234567", null, (c) => c.resetLimits(PHONE)],
  ["PUT /v1/contacts/user%2F1%3Fx", contact, (c) => c.putContact("user/1?x", contact)],
  ["GET /v1/contacts/42", null, (c) => c.getContact("42")],
  ["DELETE /v1/contacts/42", null, (c) => c.deleteContact("42")],
  ["POST /v1/templates/lint", template, (c) => c.lintTemplate(template)],
  ["GET /v1/status", null, (c) => c.status()],
  ["GET /v1/pauses", null, (c) => c.listPauses()],
  ["PUT /v1/pauses", { lane: "notification" }, (c) => c.pause({ lane: "notification" })],
  ["PUT /v1/pauses", {}, (c) => c.pause()],
  ["DELETE /v1/pauses", { country: "CO" }, (c) => c.resume({ country: "CO" })],
  ["POST /v1/webhooks", { url: "https://a.example/" }, (c) => c.webhooks.add({ url: "https://a.example/" })],
  ["GET /v1/webhooks", null, (c) => c.webhooks.list()],
  ["PATCH /v1/webhooks/whk_1", { enabled: false }, (c) => c.webhooks.change("whk_1", { enabled: false })],
  ["DELETE /v1/webhooks/whk_1", null, (c) => c.webhooks.remove("whk_1")],
  ["POST /v1/webhooks/whk_1/rotate", null, (c) => c.webhooks.rotate("whk_1")],
  ["POST /v1/webhooks/whk_1/test", null, (c) => c.webhooks.test("whk_1")],
  [
    "GET /v1/webhooks/whk_1/deliveries?state=failed&limit=5",
    null,
    (c) => c.webhooks.deliveries("whk_1", { state: "failed", limit: 5 }),
  ],
  ["POST /v1/webhooks/deliveries/whd_1/replay", null, (c) => c.webhooks.replay("whd_1")],
  ["GET /v1/inbox?after=7", null, (c) => c.inbox.list({ after: 7 })],
  ["GET /v1/inbox/wait?to=%2B573001234567&timeout=2", null, (c) => c.inbox.wait({ to: PHONE, timeout: 2 })],
  ["DELETE /v1/inbox", null, (c) => c.inbox.clear()],
  ["GET /v1/inbox/magic-numbers", null, (c) => c.inbox.magicNumbers()],
];

describe("the routes of the gateway API", () => {
  it.each(routes)("%s, with its body", async (line, body, ask) => {
    await ask(client);
    const [request] = server.requests;
    expect(`${request?.method} ${request?.url}`).toBe(line);
    expect(request?.body === "" ? null : JSON.parse(request?.body ?? "")).toEqual(body);
    expect(request?.headers.authorization).toBe("Bearer sk_test");
    expect(request?.headers["content-type"]).toBe(body === null ? undefined : "application/json");
  });

  it("hands out the answer's status and data", async () => {
    server.answer(answerJson(201, { id: "ver_1", status: "pending" }));
    const answer = await client.startVerification({ to: PHONE, channel: "sms" });
    expect(answer).toEqual({ ok: true, status: 201, data: { id: "ver_1", status: "pending" } });
  });

  it("reads an empty success as null", async () => {
    server.answer((response) => void response.writeHead(204).end());
    expect(await client.deleteContact("42")).toEqual({ ok: true, status: 204, data: null });
  });

  it("says how long to wait and which request it repeats", async () => {
    await client.startVerification({ to: PHONE, channel: "sms" }, { idempotencyKey: "order-7", waitSeconds: 4 });
    await client.sendMessage(message, { idempotencyKey: "order-8" });
    expect(server.requests[0]?.headers).toMatchObject({ "idempotency-key": "order-7", prefer: "wait=4" });
    expect(server.requests[1]?.headers).toMatchObject({ "idempotency-key": "order-8" });
    expect(server.requests[1]?.headers.prefer).toBeUndefined();
  });

  it("sends no credentials without a key, and asks in Spanish unless told otherwise", async () => {
    await createGatewayClient({ baseUrl: `${server.url}/` }).inbox.list();
    await createGatewayClient({ baseUrl: server.url, locale: "en" }).inbox.list();
    expect(server.requests[0]?.url).toBe("/v1/inbox");
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
    expect(server.requests.map(({ headers }) => headers["accept-language"])).toEqual(["es", "en"]);
  });
});

describe("failures", () => {
  const problem = {
    type: "https://example.com/problems/code_incorrect",
    title: "Código incorrecto",
    status: 400,
    detail: "Código incorrecto. Le quedan 3 intentos",
    message: "Código incorrecto. Le quedan 3 intentos",
    success: false,
    code: "code_incorrect",
    attempts_remaining: 3,
    request_id: "req_1",
  };
  const ask = () => client.checkVerification("ver_1", { code: "000000" });

  it("reads a problem document", async () => {
    server.answer(answerJson(400, problem, { "content-type": "application/problem+json" }));
    expect(await ask()).toEqual({
      ok: false,
      status: 400,
      error: {
        code: "code_incorrect",
        message: "Código incorrecto. Le quedan 3 intentos",
        attemptsRemaining: 3,
        requestId: "req_1",
        problem,
      },
    });
  });

  it("takes the wait from the body, else from the header", async () => {
    const limited = { ...problem, code: "rate_limited" };
    server.answer(answerJson(429, { ...limited, retry_after: 31 }, { "retry-after": "99" }));
    expect(await ask()).toMatchObject({ status: 429, error: { code: "rate_limited", retryAfterSeconds: 31 } });
    server.answer(answerJson(429, limited, { "retry-after": "99" }));
    expect(await ask()).toMatchObject({ error: { retryAfterSeconds: 99 } });
    server.answer((response) => void response.writeHead(503, { "retry-after": "5" }).end("<h1>busy</h1>"));
    expect(await ask()).toMatchObject({ error: { code: "unexpected_answer", retryAfterSeconds: 5 } });
  });

  it("keeps the text of a problem that it does not know", async () => {
    server.answer(answerJson(451, { code: "from_the_future", message: "Aún no", title: "Futuro" }));
    expect(await ask()).toEqual({
      ok: false,
      status: 451,
      error: {
        code: "unexpected_answer",
        message: "Aún no",
        problem: { code: "from_the_future", message: "Aún no", title: "Futuro" },
      },
    });
  });

  it.each([
    ["a page instead of JSON", 200, "<h1>hola</h1>"],
    ["half an object", 200, '{"id": "ver_'],
    ["a proxy's error page", 502, "<h1>Bad gateway</h1>"],
    ["an error of another shape", 500, '{"error": {"code": 7}}'],
    ["a redirect", 302, ""],
  ])("answers unexpected_answer to %s", async (_, status, body) => {
    server.answer((response) => void response.writeHead(status, { location: "/elsewhere" }).end(body));
    expect(await ask()).toMatchObject({ ok: false, status, error: { code: "unexpected_answer" } });
    expect(server.requests).toHaveLength(1);
  });

  it("answers network_error when nobody listens", async () => {
    const { url } = server;
    await server.stop();
    const answer = await createGatewayClient({ baseUrl: url, locale: "en" }).status();
    expect(answer).toEqual({
      ok: false,
      status: 0,
      error: { code: "network_error", message: "The service could not be reached" },
    });
    server = await startRecordingServer();
  });

  it("answers network_error when the connection breaks inside the body", async () => {
    server.answer((response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("{", () => response.destroy());
    });
    expect(await ask()).toMatchObject({ ok: false, status: 0, error: { code: "network_error" } });
  });

  it("answers timeout when the answer takes too long", async () => {
    server.answer(() => undefined);
    const hasty = createGatewayClient({ baseUrl: server.url, timeoutMs: 50 });
    expect(await hasty.status()).toMatchObject({ ok: false, status: 0, error: { code: "timeout" } });
  });

  it("gives the gateway the time that the call asked it to wait", async () => {
    server.answer((response) => void setTimeout(() => answerJson(200, { id: "inb_1" })(response), 200));
    const hasty = createGatewayClient({ baseUrl: server.url, timeoutMs: 50 });
    expect(await hasty.inbox.wait({ to: PHONE, timeout: 1 })).toMatchObject({ ok: true });
    expect(await hasty.sendMessage(message, { waitSeconds: 1 })).toMatchObject({ ok: true });
    expect(await hasty.sendMessage(message)).toMatchObject({ error: { code: "timeout" } });
  });

  it("answers aborted when the caller gives up", async () => {
    server.answer(() => undefined);
    const caller = new AbortController();
    const answer = client.status({ signal: caller.signal });
    caller.abort();
    expect(await answer).toMatchObject({ ok: false, status: 0, error: { code: "aborted" } });
  });
});

describe("a fetch of the caller's own", () => {
  it("carries every request", async () => {
    const asked: string[] = [];
    const own = createGatewayClient({
      baseUrl: "http://gateway.invalid",
      fetch: async (url, init) => {
        asked.push(`${init.method} ${url}`);
        return Response.json({ version: "0.1.0" });
      },
    });
    expect(await own.status()).toEqual({ ok: true, status: 200, data: { version: "0.1.0" } });
    expect(asked).toEqual(["GET http://gateway.invalid/v1/status"]);
  });
});

describe("events", () => {
  const event = (id: number) => ({ id, at: "2026-01-01T12:00:00Z", type: "verification.approved", data: {} });
  const stream = (...pieces: string[]) =>
    server.answer((response) => {
      response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
      for (const piece of pieces) response.write(piece);
      response.end();
    });

  const collect = async (events: AsyncIterable<Answer<unknown>>) => {
    const items: Answer<unknown>[] = [];
    for await (const item of events) items.push(item);
    return items;
  };

  it("hands out each event, from the one asked for", async () => {
    stream(
      ": welcome\n\n",
      `id: 8\nevent: event\ndata: ${JSON.stringify(event(8))}\n\n`,
      `data: ${JSON.stringify(event(9))}\n\n`,
    );
    const items = await collect(client.events({ after: 7 }));
    expect(items.map((item) => item.ok && item.data)).toEqual([event(8), event(9)]);
    expect(server.requests[0]).toMatchObject({ method: "GET", url: "/v1/events?after=7" });
    expect(server.requests[0]?.headers).toMatchObject({ authorization: "Bearer sk_test" });
  });

  it("closes the connection when the loop is left", async () => {
    const closed = new Promise<void>((resolve) => {
      server.answer((response) => {
        response.on("close", resolve);
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(`data: ${JSON.stringify(event(1))}\n\n`);
      });
    });
    for await (const item of client.events()) {
      expect(item).toMatchObject({ ok: true, data: { id: 1 } });
      break;
    }
    await closed;
  });

  it("ends quietly when the caller gives up", async () => {
    const caller = new AbortController();
    server.answer((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(`data: ${JSON.stringify(event(1))}\n\n`, () => setTimeout(() => caller.abort(), 20));
    });
    expect(await collect(client.events({ signal: caller.signal }))).toHaveLength(1);
  });

  it("outlives the timeout once it is open", async () => {
    server.answer((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.flushHeaders();
      setTimeout(() => response.end(`data: ${JSON.stringify(event(1))}\n\n`), 200);
    });
    const hasty = createGatewayClient({ baseUrl: server.url, timeoutMs: 50 });
    expect(await collect(hasty.events())).toMatchObject([{ ok: true, data: { id: 1 } }]);
  });

  it("has a refusal as its only item", async () => {
    server.answer(answerJson(401, { code: "credentials_invalid", message: "No" }));
    expect(await collect(client.events())).toMatchObject([
      { ok: false, status: 401, error: { code: "credentials_invalid" } },
    ]);
  });

  it("has an answer that is no stream as its only item", async () => {
    server.answer(answerJson(200, {}));
    expect(await collect(client.events())).toMatchObject([
      { ok: false, status: 200, error: { code: "unexpected_answer" } },
    ]);
  });

  it("has a broken connection as its last item", async () => {
    server.answer((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(`data: ${JSON.stringify(event(1))}\n\n`, () => setTimeout(() => response.destroy(), 20));
    });
    expect(await collect(client.events())).toMatchObject([
      { ok: true },
      { ok: false, status: 0, error: { code: "network_error" } },
    ]);
  });

  it("has nonsense as its last item", async () => {
    stream("data: {nonsense\n\n", `data: ${JSON.stringify(event(1))}\n\n`);
    expect(await collect(client.events())).toMatchObject([{ ok: false, error: { code: "unexpected_answer" } }]);
  });
});
