import type { RequestClient, Twilio } from "twilio";
import { Agent } from "undici";
import type { AccountCheck } from "../../../ports/provider.ts";
import { type Exchange, exchange, NOTHING_SENT } from "../wire/exchange.ts";

const TIMEOUT_MS = 8_000;
const CONNECT_TIMEOUT_MS = 5_000;
const MAX_CONNECTIONS = 64;

export interface TwilioAccount {
  readonly accountSid: string;
  readonly authToken: string;
  /** A proxy, an edge or a test server in place of every host of the vendor; may have a path. */
  readonly apiBaseUrl?: string | undefined;
  /** How long one call may take, 8 s unless told. */
  readonly timeoutMs?: number | undefined;
}

/** What one SDK call came to: what the SDK read, undefined when it threw, and what was on the wire. */
export interface Called<T> {
  readonly value: T | undefined;
  readonly exchange: Exchange;
}

/** The vendor's own SDK over our own HTTP client, which sets the base URL, knows whether a request left, and costs a quarter of the default one. */
export interface TwilioClient {
  readonly accountSid: string;
  /** Runs one SDK call; never throws. */
  call<T>(signal: AbortSignal, run: (client: Twilio) => Promise<T>): Promise<Called<T>>;
  checkAccount(signal: AbortSignal): Promise<AccountCheck>;
  close(): Promise<void>;
}

type RequestOptions = Parameters<RequestClient["request"]>[0];

export function createTwilioClient(account: TwilioAccount): TwilioClient {
  const { accountSid, authToken, apiBaseUrl, timeoutMs = TIMEOUT_MS } = account;
  // Without HTTP/2 each connection carries one message, so that a reset makes one message unknown and not a hundred.
  const agent = new Agent({ connections: MAX_CONNECTIONS, connect: { timeout: CONNECT_TIMEOUT_MS }, allowH2: false });
  // The SDK is large: it loads beside the rest of the start, and a failure to load shows in the first call.
  const sdk = import("twilio");
  sdk.catch(() => undefined);

  async function call<T>(signal: AbortSignal, run: (client: Twilio) => Promise<T>): Promise<Called<T>> {
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
    accountSid,
    call,
    checkAccount: async (signal) => {
      const { value, exchange: last } = await call(signal, (client) => client.api.v2010.accounts(accountSid).fetch());
      if (value !== undefined && ["active", "suspended", "closed"].includes(value.status)) {
        return { ok: value.status === "active", detail: `the account is ${value.status}` };
      }
      return { ok: false, detail: describeRefusal(last) };
    },
    close: async () => {
      if (!agent.closed) await agent.close();
    },
  };
}

/** One line for an operator about a call that was not answered as it should. */
function describeRefusal(last: Exchange): string {
  if (!last.answered) return "the API does not answer";
  if (last.status === 401) return "the API refuses TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN";
  const code = vendorCodeOf(last);
  return `the API answers ${last.status}${code === undefined ? "" : `, code ${code}`}`;
}

/** The `code` of an error body, which may be anything at all. */
export function vendorCodeOf(last: Exchange): string | undefined {
  if (!last.answered) return undefined;
  try {
    const code: unknown = JSON.parse(last.body)?.code;
    return Number.isInteger(code) ? String(code) : undefined;
  } catch {
    return undefined;
  }
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
