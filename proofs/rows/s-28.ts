import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createWebhookSender, type WebhookSenderOptions } from "../../packages/gateway/src/adapters/webhook-sender.ts";
import type { WebhookResult } from "../../packages/gateway/src/domain/webhook.ts";
import { onStage, type Stage } from "../harness/gateway.ts";
import type { Figures, Row, RowOptions } from "../row.ts";

const SECOND_MS = 1_000;
const KB = 1_024;
const GB = KB ** 3;
/** What a proof at full size waits for, and a little more for the machine. */
const PROMISED_MS = 15_000;
const LEEWAY_MS = 2_000;

/** Spellings of this machine, on the port of the canary. */
const LOOPBACKS = [
  ...["127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "0.0.0.0", "0", "localhost", "127.0.0.1."],
  ...["2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "①②⑦.⓪.⓪.①"],
  ...["[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]"],
];
/** Networks that are nobody's business: private, link-local and metadata, translated, tunnelled, reserved. */
const NETWORKS = [
  ...["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "169.254.169.254"],
  ...["0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "224.0.0.1", "255.255.255.255", "240.0.0.1", "198.18.0.1"],
  ...["[fd00::1]", "[fd00:ec2::254]", "[fe80::1]", "[fec0::1]", "[ff02::1]", "[::ffff:10.0.0.1]", "[::ffff:a9fe:a9fe]"],
  ...["[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::a00:1]", "[2002:a00:1::]", "[2001::1]", "[2001:db8::1]", "[4000::1]"],
];
const PORTS = [22, 25, 80, 443, 3306, 5432, 6379, 9464, 11_211, 27_017];

interface Canary {
  readonly port: number;
  readonly connections: () => number;
  close(): void;
}

type Handle = (request: IncomingMessage, response: ServerResponse) => void;

/** Listens on this machine and counts who comes. */
async function listen(handle: Handle, host = "127.0.0.1", port = 0): Promise<Canary> {
  let connections = 0;
  const server = createServer((request, response) => {
    request.resume();
    handle(request, response);
  });
  server.on("connection", () => {
    connections += 1;
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

const GUARDED: WebhookSenderOptions = { allowsHttp: true, allowsPrivate: false };
const OPEN: WebhookSenderOptions = { allowsHttp: true, allowsPrivate: true };

const post = (url: string, options: WebhookSenderOptions): Promise<WebhookResult> =>
  createWebhookSender(options).send(
    {
      url,
      delivery: {
        ...{ id: "whd_proof", type: "message.sent", at: 0 },
        data: { id: "msg_1", verificationId: null, messageId: "msg_1", channel: "sms", to: null },
      },
      secrets: [`whsec_${Buffer.alloc(32, 7).toString("base64")}`],
      now: Date.now(),
    },
    new AbortController().signal,
  );

/** Counts the sockets that this process opens to anywhere while it runs. */
async function countSockets(act: () => Promise<void>): Promise<number> {
  let opened = 0;
  const count = (): void => {
    opened += 1;
  };
  subscribe("net.client.socket", count);
  subscribe("undici:client:beforeConnect", count);
  try {
    await act();
  } finally {
    unsubscribe("net.client.socket", count);
    unsubscribe("undici:client:beforeConnect", count);
  }
  return opened;
}

/** Everything that is inside, in every spelling: refused before a socket exists. */
async function tryInside(canary: Canary): Promise<number> {
  const hosts = [...LOOPBACKS, ...NETWORKS].map((host) => `${host}:${canary.port}`);
  const urls = [...hosts, ...PORTS.map((port) => `127.0.0.1:${port}`)].map((host) => `http://${host}/`);
  const others = ["file:///etc/passwd", `gopher://127.0.0.1:${canary.port}/_x`, "ftp://127.0.0.1/", "data:,x"];
  const users = [`http://shop@127.0.0.1:${canary.port}/`, `http://shop:word@localhost:${canary.port}/`];
  const sockets = await countSockets(async () => {
    for (const url of urls) {
      const { error, status } = await post(url, GUARDED);
      assert.equal(canary.connections(), 0, `a connection inside by ${url}`);
      assert.equal(error, "address_blocked", url);
      assert.equal(status, null, url);
    }
    for (const url of [...others, ...users]) assert.equal((await post(url, GUARDED)).error, "url_refused", url);
  });
  assert.equal(sockets, 0, "sockets opened");
  return urls.length + others.length + users.length;
}

/** A name that leads outside when it is checked and inside ever after; the stand-in for outside is 127.0.0.2. */
async function tryRebinding(canary: Canary): Promise<void> {
  const outside = await listen((_, response) => response.end(), "127.0.0.2", canary.port);
  try {
    const isAllowed = (address: string): boolean => address === "127.0.0.2";
    for (const later of [["127.0.0.1"], ["127.0.0.2", "127.0.0.1"]]) {
      let asked = 0;
      const resolve = async () => (asked++ === 0 ? ["127.0.0.2"] : later);
      const url = `http://rebinds.example:${canary.port}/`;
      assert.equal((await post(url, { ...GUARDED, resolve, isAllowed })).error, null, "the address that was checked");
      const mixed = { ...GUARDED, isAllowed, resolve: async () => ["127.0.0.2", "127.0.0.1"] };
      assert.equal((await post(url, mixed)).error, "address_blocked", "one address inside among two");
    }
    assert.equal(outside.connections(), 2);
    assert.equal(canary.connections(), 0, "connections inside by a name that changed");
  } finally {
    outside.close();
  }
}

async function tryRedirects(canary: Canary): Promise<number> {
  const statuses = [301, 302, 303, 307, 308];
  for (const status of statuses) {
    const location = `http://127.0.0.1:${canary.port}/`;
    const server = await listen((_, response) => response.writeHead(status, { location }).end());
    const outcome = await post(`http://127.0.0.1:${server.port}/`, OPEN);
    server.close();
    assert.deepEqual([outcome.status, outcome.error], [status, "redirected"]);
  }
  assert.equal(canary.connections(), 0, "redirects followed");
  return statuses.length;
}

/** Endpoints that drip a byte each second: headers, a body, nothing at all. */
async function trySlow(timeoutMs: number): Promise<number> {
  const timers: NodeJS.Timeout[] = [];
  const drip = (write: () => void): void => void timers.push(setInterval(write, SECOND_MS));
  const handles: readonly Handle[] = [
    (_, response) => {
      response.writeHead(200).flushHeaders();
      drip(() => response.write("."));
    },
    ({ socket }) => drip(() => socket.write("H")),
    () => undefined,
  ];
  const servers = await Promise.all(handles.map((handle) => listen(handle)));
  try {
    const posts = servers.map(({ port }) => post(`http://127.0.0.1:${port}/`, { ...OPEN, timeoutMs }));
    const outcomes = await Promise.all(posts);
    for (const { error, durationMs } of outcomes) {
      // A head of one letter may be called broken before the time is up.
      assert.ok(error === "timed_out" || error === "connection_failed", String(error));
      assert.ok(durationMs < timeoutMs + LEEWAY_MS, `${durationMs} ms`);
    }
    assert.equal(outcomes[0]?.error, "timed_out");
    return Math.max(...outcomes.map(({ durationMs }) => durationMs));
  } finally {
    for (const timer of timers) clearInterval(timer);
    for (const server of servers) server.close();
  }
}

/** A body of a gigabyte, announced or not; what the socket read of it is what counts. */
async function tryLong(): Promise<number> {
  const sockets: Socket[] = [];
  const note = (message: unknown): void => void sockets.push((message as { socket: Socket }).socket);
  const pour = (response: ServerResponse): void => {
    const chunk = Buffer.alloc(64 * KB);
    let left = GB;
    const write = (): void => {
      while (left > 0 && !response.destroyed) {
        left -= chunk.length;
        if (!response.write(chunk)) break;
      }
    };
    response.on("drain", write);
    write();
  };
  const server = await listen(({ url }, response) => {
    response.writeHead(200, url === "/announced" ? { "content-length": String(GB) } : {});
    pour(response);
  });
  subscribe("undici:client:connected", note);
  try {
    for (const path of ["/announced", "/endless"]) {
      const { status, durationMs } = await post(`http://127.0.0.1:${server.port}${path}`, OPEN);
      assert.equal(status, 200);
      assert.ok(durationMs < LEEWAY_MS, `${durationMs} ms for ${path}`);
    }
  } finally {
    unsubscribe("undici:client:connected", note);
    server.close();
  }
  assert.equal(sockets.length, 2, "a connection each");
  return Math.max(...sockets.map(({ bytesRead }) => bytesRead));
}

/** The same through the gateway itself: what can be registered, and what a test of it reaches. */
async function tryGateway({ ask, key }: Stage, canary: Canary): Promise<number> {
  const register = (url: string) => ask({ path: "/v1/webhooks", body: { url }, headers: key() });
  let tried = 0;
  for (const host of ["127.0.0.1", "2130706433", "0x7f.1", "[::1]", "169.254.169.254", "shop@localhost"]) {
    const { status, text } = await register(`http://${host}:${canary.port}/`);
    assert.equal(status, 422, `${host}: ${text}`);
    tried++;
  }
  const { status, body, text } = await register(`http://localhost:${canary.port}/`);
  assert.equal(status, 201, text);
  const tested = await ask({ path: `/v1/webhooks/${String(body["id"])}/test`, headers: key() });
  assert.equal(tested.body["error"], "address_blocked", tested.text);
  assert.equal(canary.connections(), 0, "connections inside by the gateway");
  return tried + 1;
}

async function run(options: RowOptions): Promise<Figures> {
  const timeoutMs = options.size === "full" ? PROMISED_MS : 1_500;
  const canary = await listen((_, response) => response.end());
  try {
    const inside = await tryInside(canary);
    await tryRebinding(canary);
    const redirects = await tryRedirects(canary);
    const longestMs = await trySlow(timeoutMs);
    const read = await tryLong();
    assert.ok(read <= 64 * KB + KB, `${read} bytes read of an answer, with its head`);
    const registered = await onStage(options, (stage) => tryGateway(stage, canary));
    return {
      "addresses and spellings": inside + registered,
      "connections inside": canary.connections(),
      redirects,
      "redirects followed": 0,
      [`longest of three slow endpoints, limit ${timeoutMs / SECOND_MS} s (s)`]: Math.round(longestMs / 100) / 10,
      "read of 1 GB (kB)": Math.ceil(read / KB),
    };
  } finally {
    canary.close();
  }
}

export const s28: Row = {
  id: "S-28",
  title: "A webhook stays outside: every spelling of inside, a name that rebinds, redirects, slow and endless answers",
  target: "0 connections inside, no redirect followed, 15 s and 64 kB at most for an answer",
  engines: ["sqlite"],
  run,
  mutation: {
    why: "The address that an operator wrote is simply fetched.",
    edits: [
      {
        file: "packages/gateway/src/adapters/webhook-sender.ts",
        find: "await attempt(url, write(request), deadline);",
        replace:
          'await fetch(url, { method: "POST", ...write(request) }).then(({ status }) => ({ status, error: null }));',
      },
    ],
  },
};
