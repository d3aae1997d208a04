import { createHmac } from "node:crypto";
import { Agent, type ClientRequest, type IncomingMessage, request } from "node:http";

export interface Call {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** As it came. */
  readonly text: string;
  /** Empty when the answer has no JSON. */
  readonly body: Readonly<Record<string, unknown>>;
}

const toPayload = ({ body }: Call): Buffer => Buffer.from(body === undefined ? "" : JSON.stringify(body));

const isJson = (message: IncomingMessage): boolean => (message.headers["content-type"] ?? "").includes("json");

async function readAnswer(message: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  const body = isJson(message) && text !== "" ? JSON.parse(text) : {};
  return { status: message.statusCode ?? 0, retryAfter: message.headers["retry-after"], text, body };
}

function open(url: string, call: Call, agent: Agent): { readonly sending: ClientRequest; readonly payload: Buffer } {
  const payload = toPayload(call);
  const headers = {
    ...(payload.length === 0 ? {} : { "content-type": "application/json", "content-length": payload.length }),
    ...call.headers,
  };
  return { sending: request(new URL(call.path, url), { method: call.method ?? "POST", headers, agent }), payload };
}

const answerOf = (sending: ClientRequest): Promise<Answer> =>
  new Promise((resolve, reject) => {
    sending.on("error", reject);
    sending.on("response", (message) => readAnswer(message).then(resolve, reject));
  });

export type Ask = (call: Call) => Promise<Answer>;

/** Asks over connections that stay open. */
export function createAsk(url: () => string, agent: Agent): Ask {
  return (call) => {
    const { sending, payload } = open(url(), call, agent);
    const answer = answerOf(sending);
    sending.end(payload);
    return answer;
  };
}

/**
 * Asks everything at once. Every request has its own connection and is sent but for its last byte; when all of them
 * stand there, the last bytes go out together.
 *
 * @param urls processes, over which the calls are spread in turn
 * @param atBarrier runs when all stand there
 * @returns answers in the order of the calls
 */
export async function race(
  urls: readonly string[],
  calls: readonly Call[],
  atBarrier = () => {},
): Promise<readonly Answer[]> {
  const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });
  try {
    const runners = calls.map((call, index) => open(urls[index % urls.length] ?? "", call, agent));
    const answers = Promise.all(runners.map(({ sending }) => answerOf(sending)));
    const written = runners.map(
      ({ sending, payload }) =>
        new Promise<void>((resolve, reject) => {
          sending.write(payload.subarray(0, -1), (error) => (error == null ? resolve() : reject(error)));
        }),
    );
    await Promise.race([Promise.all(written), answers]);
    atBarrier();
    for (const { sending, payload } of runners) sending.end(payload.subarray(-1));
    return await answers;
  } finally {
    agent.destroy();
  }
}

/** Sends a whole request and breaks the connection without reading a byte of the answer. */
export function abandon(url: string, call: Call, afterMs: number): Promise<void> {
  const { sending, payload } = open(url, call, new Agent());
  return new Promise((resolve) => {
    sending.on("error", () => undefined);
    sending.on("close", () => resolve());
    sending.end(payload, () => setTimeout(() => sending.destroy(), afterMs));
  });
}

const toBase64Url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token of the host application (HS256), as a header. */
export function bearer(secret: string, claims: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const signed = `${toBase64Url({ alg: "HS256", typ: "JWT" })}.${toBase64Url(claims)}`;
  const signature = createHmac("sha256", secret).update(signed).digest("base64url");
  return { authorization: `Bearer ${signed}.${signature}` };
}

/** How often each value of a field occurs; answers without it count by their status. */
export function tally(answers: readonly Answer[], field = "code"): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { body, status } of answers) {
    const value = String(body[field] ?? status);
    counts[value] = (counts[value] ?? 0) + 1;
  }
  return counts;
}

/** The header of one client among four million, as the proxy before the gateway writes it. */
export const clientAt = (index: number): Readonly<Record<string, string>> => ({
  "x-forwarded-for": `100.${64 + ((index >> 16) & 63)}.${(index >> 8) & 255}.${index & 255}`,
});
