import { once } from "node:events";
import { connect, type Socket } from "node:net";

const HEAD_END = "\r\n\r\n";
const LENGTH = "\r\ncontent-length:";

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export interface LoadResult {
  readonly answers: readonly Answer[];
  /** From the write of a request to the last byte of its answer; sorted. */
  readonly latenciesMs: Float64Array;
  readonly seconds: number;
}

export interface Load {
  readonly port: number;
  readonly connections: number;
  /** Whole requests as bytes; each is sent once, the next of a connection when its answer is there. */
  readonly requests: readonly Buffer[];
}

export interface PostRequest {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** Writes a POST with a JSON body as bytes, for a connection that stays open. */
export function toPost({ path, headers = {}, body }: PostRequest): Buffer {
  const json = JSON.stringify(body);
  const lines = Object.entries({
    host: "127.0.0.1",
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(json)),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join("")}\r\n${json}`);
}

/** Reads one answer, or null while bytes are missing. Only what our two servers write is understood. */
function readAnswer(received: Buffer): Answer | null {
  const headEnd = received.indexOf(HEAD_END);
  if (headEnd < 0) return null;
  const head = received.toString("latin1", 0, headEnd);
  const lengthAt = head.toLowerCase().indexOf(LENGTH);
  if (lengthAt < 0) throw new Error("an answer without Content-Length");
  const bodyStart = headEnd + HEAD_END.length;
  const bodyEnd = bodyStart + Number.parseInt(head.slice(lengthAt + LENGTH.length), 10);
  if (received.length < bodyEnd) return null;
  return { status: Number(head.slice(9, 12)), body: received.toString("utf8", bodyStart, bodyEnd) };
}

async function openSocket(port: number): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  await once(socket, "connect");
  return socket;
}

/**
 * Sends requests over connections that stay open, one at a time on each. It speaks to the socket itself: an HTTP client
 * would cost more than the servers that are measured.
 */
export async function runLoad({ port, connections, requests }: Load): Promise<LoadResult> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => openSocket(port)));
  const answers: Answer[] = new Array(requests.length);
  const latenciesMs = new Float64Array(requests.length);
  let next = 0;

  const drive = (socket: Socket): Promise<void> =>
    new Promise((resolve, reject) => {
      let index = -1;
      let sentAt = 0;
      let received: Buffer | null = null;
      const send = (): void => {
        index = next++;
        const request = requests[index];
        if (request === undefined) {
          resolve();
          return;
        }
        sentAt = performance.now();
        socket.write(request);
      };
      socket.on("data", (chunk) => {
        received = received === null ? chunk : Buffer.concat([received, chunk]);
        const answer = readAnswer(received);
        if (answer === null) return;
        latenciesMs[index] = performance.now() - sentAt;
        answers[index] = answer;
        received = null;
        send();
      });
      socket.on("error", reject);
      socket.on("close", () => reject(new Error("the server closed a connection")));
      send();
    });

  const startedAt = performance.now();
  try {
    await Promise.all(sockets.map(drive));
  } finally {
    for (const socket of sockets) socket.destroy();
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return { answers, latenciesMs: latenciesMs.sort(), seconds };
}
