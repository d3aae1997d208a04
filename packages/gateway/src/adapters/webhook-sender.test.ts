import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { Webhook } from "standardwebhooks";
import { afterEach, describe, expect, it } from "vitest";
import type { WebhookRequest } from "../ports/webhook-sender.ts";
import { createWebhookSender, type WebhookSenderOptions } from "./webhook-sender.ts";

const SECRET = `whsec_${Buffer.from("0123456789abcdef0123456789abcdef").toString("base64")}`;
const OTHER = `whsec_${Buffer.from("fedcba9876543210fedcba9876543210").toString("base64")}`;
const forever = new AbortController().signal;
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

type Handle = (request: IncomingMessage, response: ServerResponse, body: string) => void;

interface Receiver {
  readonly port: number;
  /** Connections that were made to it. */
  readonly connections: () => number;
  readonly requests: readonly { readonly headers: IncomingMessage["headers"]; readonly body: string }[];
}

const listen = (server: Server | ReturnType<typeof createTcpServer>, host: string, port = 0): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });

/** A receiver on this machine. */
async function receiver(handle: Handle, host = "127.0.0.1", port = 0): Promise<Receiver> {
  let connections = 0;
  const requests: { headers: IncomingMessage["headers"]; body: string }[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += String(chunk);
    });
    request.on("end", () => {
      requests.push({ headers: request.headers, body });
      handle(request, response, body);
    });
  });
  server.on("connection", () => {
    connections += 1;
  });
  closers.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  return { port: await listen(server, host, port), connections: () => connections, requests };
}

const request = (url: string, over: Partial<WebhookRequest> = {}): WebhookRequest => ({
  url,
  delivery: {
    id: "whd_1",
    type: "message.delivered",
    at: Date.UTC(2026, 0, 5, 12),
    data: { id: "msg_1", verificationId: null, messageId: "msg_1", channel: "sms", to: "+57 300 *** 4567" },
  },
  secrets: [SECRET],
  now: Date.now(),
  ...over,
});

const OPEN: WebhookSenderOptions = { allowsHttp: true, allowsPrivate: true };
const GUARDED: WebhookSenderOptions = { allowsHttp: true, allowsPrivate: false };
const send = (url: string, options: WebhookSenderOptions = OPEN, over: Partial<WebhookRequest> = {}) =>
  createWebhookSender(options).send(request(url, over), forever);

describe("what an endpoint reads", () => {
  it("is signed, so that the published library verifies it, with each secret", async () => {
    const { port, requests } = await receiver((_, response) => response.writeHead(204).end());
    const outcome = await send(`http://127.0.0.1:${port}/hooks?a=1`, OPEN, { secrets: [OTHER, SECRET] });
    expect(outcome).toEqual({ status: 204, error: null, durationMs: expect.any(Number) });
    const [got] = requests;
    if (got === undefined) throw new Error("nothing came");
    const headers = got.headers as Record<string, string>;
    for (const secret of [SECRET, OTHER]) {
      expect(new Webhook(secret).verify(got.body, headers)).toEqual({
        type: "message.delivered",
        timestamp: "2026-01-05T12:00:00.000Z",
        data: request("").delivery.data,
      });
    }
    expect(() => new Webhook(`${SECRET.slice(0, -8)}AAAAAAA=`).verify(got.body, headers)).toThrow();
    expect(() => new Webhook(SECRET).verify(`${got.body} `, headers)).toThrow();
    expect(headers).toMatchObject({ "webhook-id": "whd_1", "content-type": "application/json" });
  });
});

describe("what an endpoint answers", () => {
  it.each([
    [200, null],
    [299, null],
    [301, "redirected"],
    [304, "redirected"],
    [400, "status_refused"],
    [410, "gone"],
    [429, "status_refused"],
    [500, "status_refused"],
  ])("%i is %s", async (status, error) => {
    const { port } = await receiver((_, response) => response.writeHead(status).end("thanks"));
    expect(await send(`http://127.0.0.1:${port}/`)).toMatchObject({ status, error });
  });

  it("is not followed anywhere", async () => {
    const inside = await receiver((_, response) => response.end());
    const { port } = await receiver((_, response) =>
      response.writeHead(307, { location: `http://127.0.0.1:${inside.port}/` }).end(),
    );
    expect(await send(`http://127.0.0.1:${port}/`)).toMatchObject({ status: 307, error: "redirected" });
    expect(inside.connections()).toBe(0);
  });

  it("is given up when it does not end in time, with the status it had", async () => {
    const { port } = await receiver((_, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write("."), 50);
      closers.push(() => clearInterval(drip));
    });
    const outcome = await send(`http://127.0.0.1:${port}/`, { ...OPEN, timeoutMs: 300 });
    expect(outcome).toMatchObject({ status: 200, error: "timed_out" });
    expect(outcome.durationMs).toBeLessThan(600);
  });

  it("is given up when it does not begin in time", async () => {
    const server = createTcpServer(() => undefined);
    closers.push(() => server.close());
    const port = await listen(server, "127.0.0.1");
    const sockets: Socket[] = [];
    server.on("connection", (socket) => sockets.push(socket));
    const outcome = await send(`http://127.0.0.1:${port}/`, { ...OPEN, timeoutMs: 200 });
    expect(outcome).toMatchObject({ status: null, error: "timed_out" });
    for (const socket of sockets) socket.destroy();
  });

  it("counts by its status when it is long, and the rest is not read", async () => {
    let written = 0;
    const { port } = await receiver((_, response) => {
      response.writeHead(200);
      const chunk = Buffer.alloc(64 * 1024);
      const pour = (): void => {
        while (!response.destroyed && response.write(chunk)) written += chunk.length;
        written += chunk.length;
      };
      response.on("drain", pour);
      pour();
    });
    expect(await send(`http://127.0.0.1:${port}/`)).toMatchObject({ status: 200, error: null });
    // What kernels hold for a connection is more than we read, and far from what was on its way.
    expect(written).toBeLessThan(16 * 1024 * 1024);
  });

  it("may break off once it has begun", async () => {
    const { port } = await receiver((_, response) => {
      response.writeHead(200, { "content-length": "10" });
      response.write("half", () => response.destroy());
    });
    expect(await send(`http://127.0.0.1:${port}/`)).toMatchObject({ status: 200, error: null });
  });

  it("is missing where nobody listens", async () => {
    const { port } = await receiver(() => undefined);
    for (const close of closers.splice(0)) close();
    expect(await send(`http://127.0.0.1:${port}/`)).toMatchObject({ status: null, error: "connection_failed" });
  });

  it("is not waited for when the process stops", async () => {
    const { port } = await receiver(() => undefined);
    const stop = new AbortController();
    const sending = createWebhookSender(OPEN).send(request(`http://127.0.0.1:${port}/`), stop.signal);
    setTimeout(() => stop.abort(), 50);
    expect(await sending).toMatchObject({ status: null });
  });
});

describe("where it goes", () => {
  it.each([
    "http://127.0.0.1:PORT/",
    "http://127.1:PORT/",
    "http://2130706433:PORT/",
    "http://0x7f000001:PORT/",
    "http://0177.0.0.1:PORT/",
    "http://0.0.0.0:PORT/",
    "http://[::1]:PORT/",
    "http://[::ffff:127.0.0.1]:PORT/",
    "http://localhost:PORT/",
    "http://127.0.0.1.:PORT/",
  ])("is not this machine: %s", async (url) => {
    const { port, connections } = await receiver((_, response) => response.end());
    const outcome = await send(url.replace("PORT", String(port)), GUARDED);
    expect(outcome).toMatchObject({ status: null, error: "address_blocked" });
    expect(connections()).toBe(0);
  });

  it.each(["file:///etc/passwd", "gopher://127.0.0.1/", "ftp://a.example/", "http://user:pass@a.example/", "nonsense"])(
    "is an address of the web without a user: %s",
    async (url) => expect(await send(url, GUARDED)).toMatchObject({ error: "url_refused" }),
  );

  it("is https where http is not allowed", async () => {
    const strict = { allowsHttp: false, allowsPrivate: false };
    expect(await send("http://a.example/", strict)).toMatchObject({ error: "url_refused" });
  });

  it("is nowhere when one of several addresses is inside", async () => {
    const { port, connections } = await receiver((_, response) => response.end());
    const resolve = async () => ["93.184.216.34", "127.0.0.1"];
    expect(await send(`http://two.example:${port}/`, { ...GUARDED, resolve })).toMatchObject({
      error: "address_blocked",
    });
    expect(connections()).toBe(0);
  });

  it("is the address that was checked, whatever the name says later, with the name as host", async () => {
    const inside = await receiver((_, response) => response.end());
    const outside = await receiver((_, response) => response.end(), "127.0.0.2", inside.port);
    let asked = 0;
    const resolve = async () => (asked++ === 0 ? ["127.0.0.2"] : ["127.0.0.1"]);
    const isAllowed = (address: string) => address === "127.0.0.2";
    const guarded = { ...GUARDED, resolve, isAllowed };
    expect(await send(`http://rebinds.example:${inside.port}/`, guarded)).toMatchObject({ error: null });
    expect(outside.requests.map(({ headers }) => headers.host)).toEqual([`rebinds.example:${inside.port}`]);
    expect(inside.connections()).toBe(0);
    expect(asked).toBe(1);
  });

  it("keeps the name for TLS", async () => {
    const names: string[] = [];
    const server = createTlsServer({
      SNICallback: (name, done) => {
        names.push(name);
        done(new Error("no certificate"));
      },
    });
    server.on("tlsClientError", () => undefined);
    closers.push(() => server.close());
    const port = await listen(server, "127.0.0.1");
    const resolve = async () => ["127.0.0.1"];
    const outcome = await send(`https://shop.example:${port}/`, { ...OPEN, resolve });
    expect(outcome.status).toBeNull();
    expect(["tls_failed", "connection_failed"]).toContain(outcome.error);
    expect(names).toEqual(["shop.example"]);
  });

  it("is said when the name leads nowhere, or the resolver does not answer in time", async () => {
    const broken = async () => Promise.reject(new Error("NXDOMAIN"));
    expect(await send("http://none.example/", { ...GUARDED, resolve: broken })).toMatchObject({
      error: "name_unresolved",
    });
    const silent = () => new Promise<readonly string[]>(() => undefined);
    expect(await send("http://slow.example/", { ...GUARDED, resolve: silent, timeoutMs: 100 })).toMatchObject({
      error: "timed_out",
    });
  });
});
