import type { Locale } from "@mestore/sms-gateway-contract";
import { type Answer, type FailedAnswer, ownFailure, readAnswer } from "./answer.ts";

/** The part of the platform's `fetch` that a client uses; tests and frameworks may bring their own. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface ConnectionOptions {
  /** Where the gateway lives, such as `http://localhost:8000`; empty for the page's own origin. */
  readonly baseUrl: string;
  readonly fetch?: Fetch;
  /** Language of the texts, Spanish when absent. */
  readonly locale?: Locale;
  /** Longest wait for an answer, besides what a call itself asks to wait. 15,000 when absent. */
  readonly timeoutMs?: number;
}

export interface CallOptions {
  /** Ends the call; it answers `aborted`. */
  readonly signal?: AbortSignal;
}

export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly bearer?: string | undefined;
  /** How long the gateway was asked to hold its answer; the timeout grows by it. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Transport {
  readonly locale: Locale;
  call<Data>(request: ApiRequest): Promise<Answer<Data>>;
  /** Opens a server-sent stream; the timeout ends with the headers. */
  open(request: ApiRequest): Promise<Answer<ReadableStream<Uint8Array>>>;
}

const DEFAULT_TIMEOUT_MS = 15_000;

const withValue = (record: Readonly<Record<string, string | number | undefined>>): [string, string][] =>
  Object.entries(record).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));

function toUrl(baseUrl: string, { path, query = {} }: ApiRequest): string {
  const search = new URLSearchParams(withValue(query)).toString();
  return `${baseUrl.replace(/\/+$/, "")}${path}${search === "" ? "" : `?${search}`}`;
}

function toInit(request: ApiRequest, locale: Locale, accept: string): RequestInit {
  const { body, bearer } = request;
  const headers = withValue({
    accept,
    "accept-language": locale,
    "content-type": body === undefined ? undefined : "application/json",
    authorization: bearer === undefined ? undefined : `Bearer ${bearer}`,
    ...request.headers,
  });
  return {
    method: request.method,
    headers: Object.fromEntries(headers),
    // A key must not follow a redirect, and no route of the gateway redirects.
    redirect: "manual",
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
}

/** Sends requests and turns whatever happens into an answer. */
export function createTransport(options: ConnectionOptions): Transport {
  const { baseUrl, locale = "es", timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const send: Fetch = options.fetch ?? ((url, init) => fetch(url, init));

  const failure = (timer: AbortSignal, caller: AbortSignal | undefined): FailedAnswer =>
    ownFailure(caller?.aborted ? "aborted" : timer.aborted ? "timeout" : "network_error", locale);

  const either = (timer: AbortSignal, caller: AbortSignal | undefined): AbortSignal =>
    caller === undefined ? timer : AbortSignal.any([timer, caller]);

  return {
    locale,

    async call(request) {
      const timer = AbortSignal.timeout(timeoutMs + (request.waitMs ?? 0));
      const init = toInit(request, locale, "application/json, application/problem+json");
      try {
        const response = await send(toUrl(baseUrl, request), { ...init, signal: either(timer, request.signal) });
        return await readAnswer(response, locale);
      } catch {
        return failure(timer, request.signal);
      }
    },

    async open(request) {
      const opening = new AbortController();
      const timer = setTimeout(() => opening.abort(), timeoutMs);
      const init = toInit(request, locale, "text/event-stream, application/problem+json");
      try {
        const signal = either(opening.signal, request.signal);
        const response = await send(toUrl(baseUrl, request), { ...init, signal });
        if (!response.ok) return await readAnswer(response, locale);
        if (response.body === null || !response.headers.get("content-type")?.startsWith("text/event-stream")) {
          await response.body?.cancel();
          return ownFailure("unexpected_answer", locale, response.status);
        }
        return { ok: true, status: response.status, data: response.body };
      } catch {
        return failure(opening.signal, request.signal);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
