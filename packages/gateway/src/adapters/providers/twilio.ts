import type { RequestClient, Twilio } from "twilio";
import { Agent } from "undici";
import type { SendResult } from "../../domain/delivery.ts";
import type { Clock } from "../../ports/clock.ts";
import type { AccountCheck, Provider } from "../../ports/provider.ts";
import { TWILIO_CODES } from "./twilio-codes.ts";
import { type Exchange, exchange, NOTHING_SENT, parseRetryAfterMs } from "./twilio-http.ts";

const TIMEOUT_MS = 8_000;
const CONNECT_TIMEOUT_MS = 5_000;
const MAX_CONNECTIONS = 64;
const MAX_VALIDITY_SECONDS = 36_000;
const MESSAGE_SID = /^(SM|MM)[0-9a-f]{32}$/i;

export interface TwilioSettings {
  readonly accountSid: string;
  readonly authToken: string;
  readonly sender: { readonly from: string } | { readonly messagingServiceSid: string };
  /** A proxy, an edge or a test server in place of `https://api.twilio.com`; may have a path. */
  readonly apiBaseUrl?: string;
  /** Where the vendor posts receipts of a message; none without it. */
  readonly statusCallback?: (messageId: string) => string | undefined;
  /** How long one call may take, 8 s unless told. */
  readonly timeoutMs?: number;
  readonly clock: Clock;
}

type RequestOptions = Parameters<RequestClient["request"]>[0];

/**
 * SMS through Twilio: its own SDK over our own HTTP client, which sets the base URL, knows whether a request left, and
 * costs a quarter of the default one.
 *
 * @see https://www.twilio.com/docs/messaging/api/message-resource
 */
export function createTwilio(settings: TwilioSettings): Provider {
  const { accountSid, authToken, sender, apiBaseUrl, clock } = settings;
  const timeoutMs = settings.timeoutMs ?? TIMEOUT_MS;
  // Without HTTP/2 each connection carries one message, so that a reset makes one message unknown and not a hundred.
  const agent = new Agent({ connections: MAX_CONNECTIONS, connect: { timeout: CONNECT_TIMEOUT_MS }, allowH2: false });
  // The SDK is large: it loads beside the rest of the start, and a failure to load shows in the first call.
  const sdk = import("twilio");
  sdk.catch(() => undefined);

  /** Runs one SDK call; `read` tells what the HTTP call came to, whatever the SDK made of it. */
  async function call<T>(signal: AbortSignal, run: (client: Twilio) => Promise<T>) {
    let last: Exchange = NOTHING_SENT;
    const within = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const request = async (options: RequestOptions) => {
      last = await exchange(agent, toHttpRequest(options, apiBaseUrl), within);
      if (!last.answered) throw new Error("no answer");
      return { statusCode: last.status, headers: last.headers, body: last.body };
    };
    try {
      const { default: twilio } = await sdk;
      // One short-lived client per call carries its signal. The SDK asks for its RequestClient class and calls `request`.
      const client = twilio(accountSid, authToken, { httpClient: { request } as unknown as RequestClient });
      return { value: await run(client), exchange: last };
    } catch {
      return { value: undefined, exchange: last };
    }
  }

  return {
    id: "twilio",
    channel: "sms",
    simulated: false,

    async send(message, signal) {
      const statusCallback = settings.statusCallback?.(message.id);
      const lifeSeconds = Math.floor((message.deliverBefore - clock.now()) / 1_000);
      const { value, exchange } = await call(signal, (client) =>
        client.messages.create({
          ...sender,
          to: message.to,
          body: message.text,
          validityPeriod: Math.min(Math.max(lifeSeconds, 1), MAX_VALIDITY_SECONDS),
          ...(statusCallback === undefined ? {} : { statusCallback }),
        }),
      );
      if (value === undefined) return toFailure(exchange, clock.now());
      if (typeof value.sid !== "string" || !MESSAGE_SID.test(value.sid)) return { outcome: "unknown" };
      if (value.status === "failed") return toRefusal(value.errorCode);
      return { outcome: "accepted", providerMessageId: value.sid };
    },

    async check(signal): Promise<AccountCheck> {
      const { value, exchange } = await call(signal, (client) => client.api.v2010.accounts(accountSid).fetch());
      if (value !== undefined && ["active", "suspended", "closed"].includes(value.status)) {
        return { ok: value.status === "active", detail: `the account is ${value.status}` };
      }
      if (!exchange.answered) return { ok: false, detail: "the API does not answer" };
      const code = vendorCodeOf(exchange.body);
      if (exchange.status === 401)
        return { ok: false, detail: "the API refuses TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN" };
      const detail = `the API answers ${exchange.status}${code === undefined ? "" : `, code ${code}`}`;
      return { ok: false, detail };
    },

    async close() {
      if (!agent.closed) await agent.close();
    },
  };
}

/** Puts a request of the SDK on the wire, at the configured base URL. */
function toHttpRequest(options: RequestOptions, apiBaseUrl: string | undefined) {
  const url = new URL(options.uri);
  const base = new URL(apiBaseUrl ?? url.origin);
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(options.data ?? {})) {
    for (const one of Array.isArray(value) ? value : [value]) form.append(name, String(one));
  }
  const credentials = Buffer.from(`${options.username}:${options.password}`).toString("base64");
  return {
    origin: base.origin,
    path: base.pathname.replace(/\/$/, "") + url.pathname + url.search,
    method: options.method.toUpperCase(),
    headers: { ...options.headers, authorization: `Basic ${credentials}` },
    body: options.method === "post" ? form.toString() : null,
  };
}

/** Reads a call that made no message. */
function toFailure(exchange: Exchange, now: number): SendResult {
  if (!exchange.answered) return { outcome: exchange.left ? "unknown" : "unavailable" };
  const { status, headers, body } = exchange;
  const code = vendorCodeOf(body);
  const vendorCode = String(code ?? status);
  if (status < 300) return { outcome: "unknown" };
  if (status === 429 || (code !== undefined && TWILIO_CODES.get(code)?.outcome === "throttled")) {
    const retryAfterMs = parseRetryAfterMs(headers["retry-after"], now);
    return { outcome: "throttled", vendorCode, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  }
  // 503 says that nobody took the request. After 500, 502 and 504 the message may exist: the one broke while working on
  // it, the others lost the answer of the machine behind.
  if (status === 503) return { outcome: "unavailable", vendorCode };
  if (status >= 500 || status === 408) return { outcome: "unknown", vendorCode };
  // A redirect, or a refusal without a vendor's code, comes from something in between: it made no message.
  return code === undefined ? { outcome: "unavailable", vendorCode } : toRefusal(code);
}

function toRefusal(code: number): SendResult {
  const meaning = TWILIO_CODES.get(code) ?? { outcome: "rejected", code: "delivery_failed" };
  return { ...meaning, vendorCode: String(code) };
}

/** The `code` of an error body, which may be anything at all. */
function vendorCodeOf(body: string): number | undefined {
  try {
    const code: unknown = JSON.parse(body)?.code;
    return Number.isInteger(code) ? Number(code) : undefined;
  } catch {
    return undefined;
  }
}
