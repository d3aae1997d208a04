const HEAD_END = "\r\n\r\n";
const LENGTH = "\r\ncontent-length:";

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export interface PostRequest {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

const toHead = (line: string, headers: Readonly<Record<string, string>>): string => {
  const lines = Object.entries({ host: "127.0.0.1", ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${line} HTTP/1.1\r\n${lines.join("")}\r\n`;
};

/** Writes a POST with a JSON body as bytes, for a connection that stays open. */
export function toPost({ path, headers = {}, body }: PostRequest): Buffer {
  const json = JSON.stringify(body);
  const content = { "content-type": "application/json", "content-length": String(Buffer.byteLength(json)) };
  return Buffer.from(`${toHead(`POST ${path}`, { ...content, ...headers })}${json}`);
}

/** Writes a GET as bytes, for a connection that stays open. */
export const toGet = (path: string, headers: Readonly<Record<string, string>>): Buffer =>
  Buffer.from(toHead(`GET ${path}`, headers));

/** Reads one answer, or null while bytes are missing. Only what our two servers write is understood. */
export function readAnswer(received: Buffer): Answer | null {
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
