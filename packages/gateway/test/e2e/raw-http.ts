import { connect } from "node:net";
import type { Answered } from "./http.ts";

const LONGEST_MS = 5_000;

/** Writes bytes to the server as they are, and reads until it hangs up. */
export function writeRaw(baseUrl: string, bytes: string | Buffer): Promise<string> {
  const { hostname, port } = new URL(baseUrl);
  return new Promise((resolve) => {
    let heard = "";
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    const timer = setTimeout(() => socket.destroy(), LONGEST_MS);
    socket.on("data", (chunk) => {
      heard += chunk.toString();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(heard);
    });
  });
}

const unchunk = (body: string): string =>
  [...body.matchAll(/(?:^|\r\n)[0-9a-f]+\r\n([\s\S]*?)(?=\r\n[0-9a-f]+\r\n)/g)].map(([, part]) => part).join("");

/** Reads the first answer in what a server wrote. */
export function readRaw(heard: string): Answered {
  const end = heard.indexOf("\r\n\r\n");
  const [statusLine = "", ...lines] = heard.slice(0, end).split("\r\n");
  const headers = new Headers(
    lines.map((line): [string, string] => [line.split(":")[0] ?? "", line.replace(/^[^:]*: ?/, "")]),
  );
  const rest = heard.slice(end + 4);
  const text = headers.get("transfer-encoding") === "chunked" ? unchunk(rest) : rest;
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  return { status: Number(statusLine.split(" ")[1]), headers, text, body };
}

export interface RawAsk {
  /** Whole header lines. */
  readonly headers?: readonly string[];
  readonly body?: string;
}

/** Sends one request line by line; `Host` and `Connection: close` are there unless a line names them. */
export async function askRaw(
  baseUrl: string,
  line: string,
  { headers = [], body = "" }: RawAsk = {},
): Promise<Answered> {
  const has = (name: string) => headers.some((header) => header.toLowerCase().startsWith(`${name}:`));
  const lines = [
    `${line} HTTP/1.1`,
    ...(has("host") ? [] : [`Host: ${new URL(baseUrl).host}`]),
    ...(has("connection") ? [] : ["Connection: close"]),
    ...(body === "" || has("content-length") ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]),
    ...headers,
  ];
  return readRaw(await writeRaw(baseUrl, `${lines.join("\r\n")}\r\n\r\n${body}`));
}
