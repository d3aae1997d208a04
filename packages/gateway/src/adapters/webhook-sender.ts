import { lookup } from "node:dns/promises";
import type { LookupFunction } from "node:net";
import type { WebhookError } from "@mestore/sms-gateway-contract";
import { Webhook } from "standardwebhooks";
import { Client } from "undici";
import { isPublicAddress } from "../domain/public-address.ts";
import type { WebhookResult } from "../domain/webhook.ts";
import { addressOf, parseWebhookUrl, type WebhookUrlPolicy } from "../domain/webhook-url.ts";
import type { WebhookRequest, WebhookSender } from "../ports/webhook-sender.ts";

/** For everything together: the name, the connection, the answer to its end. */
const TIMEOUT_MS = 15_000;
/** Of an answer's body; what it says is not kept. A read that goes past it is the last one. */
const MAX_ANSWER_BYTES = 32 * 1024;

export interface WebhookSenderOptions extends WebhookUrlPolicy {
  /** Every address of a name; the machine's resolver unless told. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  /** Which addresses may be connected to; those of the public internet unless told, or all with `allowsPrivate`. */
  readonly isAllowed?: (address: string) => boolean;
  /** 15 seconds unless told. */
  readonly timeoutMs?: number;
}

type Outcome = Omit<WebhookResult, "durationMs">;

interface Letter {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const failed = (error: WebhookError, status: number | null = null): Outcome => ({ status, error });

const judge = (status: number): Outcome => {
  if (status >= 200 && status < 300) return { status, error: null };
  if (status < 400) return failed("redirected", status);
  return failed(status === 410 ? "gone" : "status_refused", status);
};

const resolveHost = async (host: string): Promise<readonly string[]> =>
  (await lookup(host, { all: true })).map(({ address }) => address);

/** Signs by Standard Webhooks, once with each secret. */
function write({ delivery: { id, type, at, data }, secrets, now }: WebhookRequest): Letter {
  const body = JSON.stringify({ type, timestamp: new Date(at).toISOString(), data });
  const signed = secrets.map((secret) => new Webhook(secret).sign(id, new Date(now), body));
  return {
    body,
    headers: {
      "content-type": "application/json",
      "user-agent": "sms-gateway-webhooks",
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(now / 1000)),
      "webhook-signature": signed.join(" "),
    },
  };
}

/** Answers whoever asks for the name with the addresses that were checked: asked again, a name could lead elsewhere. */
const pinTo =
  (addresses: readonly string[]): LookupFunction =>
  (_host, options, found) => {
    const list = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
    const [first] = list;
    if (first === undefined) found(new Error("no address"), "");
    else if (options.all === true) found(null, list);
    else found(null, first.address, first.family);
  };

const isTlsFailure = (error: Error): boolean =>
  "code" in error && /CERT|TLS|SSL|EPROTO|UNABLE_TO_/.test(String(error.code));

interface Route {
  readonly url: URL;
  /** Where the connection goes, whatever the name says by then. */
  readonly addresses: readonly string[];
}

/** Posts on a connection of its own, which ends with it. No redirect is followed: nobody here would. */
function post({ url, addresses }: Route, { headers, body }: Letter, deadline: AbortSignal): Promise<Outcome> {
  const client = new Client(url.origin, {
    allowH2: false,
    connect: { lookup: pinTo(addresses), timeout: 0 },
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const sending = new Promise<Outcome>((resolve) => {
    let status: number | null = null;
    let size = 0;
    deadline.addEventListener("abort", () => resolve(failed("timed_out", status)), { once: true });
    client.dispatch(
      { path: `${url.pathname}${url.search}`, method: "POST", headers, body },
      {
        onRequestStart: () => undefined,
        onResponseStart: (_controller, code, answered) => {
          if (code < 200) return;
          status = code;
          if (Number(answered["content-length"]) > MAX_ANSWER_BYTES) resolve(judge(code));
        },
        onResponseData: (controller, chunk) => {
          size += chunk.length;
          if (size < MAX_ANSWER_BYTES || status === null) return;
          controller.pause();
          resolve(judge(status));
        },
        onResponseEnd: () => resolve(status === null ? failed("connection_failed") : judge(status)),
        // An answer that breaks off has said what counts.
        onResponseError: (_controller, error) => {
          if (status !== null) resolve(judge(status));
          else resolve(failed(isTlsFailure(error) ? "tls_failed" : "connection_failed"));
        },
      },
    );
  });
  return sending.finally(() => client.destroy());
}

/** Null when the time is up first. */
const within = <Value>(work: Promise<Value>, deadline: AbortSignal): Promise<Value | null> =>
  new Promise((resolve, reject) => {
    if (deadline.aborted) resolve(null);
    deadline.addEventListener("abort", () => resolve(null), { once: true });
    work.then(resolve, reject);
  });

/**
 * Posts to addresses that others chose. What it may connect to is decided here, at each attempt and for each address of
 * a name, and the connection goes to what was decided upon.
 *
 * @see https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
 */
export function createWebhookSender(options: WebhookSenderOptions): WebhookSender {
  const { allowsHttp, allowsPrivate, resolve = resolveHost, timeoutMs = TIMEOUT_MS } = options;
  const isAllowed = options.isAllowed ?? (allowsPrivate ? () => true : isPublicAddress);

  const addressesOf = async (url: URL): Promise<readonly string[]> => {
    const address = addressOf(url);
    if (address !== null) return [address];
    return resolve(url.hostname).catch(() => []);
  };

  const attempt = async (url: URL, letter: Letter, deadline: AbortSignal): Promise<Outcome> => {
    const addresses = await within(addressesOf(url), deadline);
    if (addresses === null) return failed("timed_out");
    if (addresses.length === 0) return failed("name_unresolved");
    // One address inside among several is one too many: which of them is used is not ours to choose.
    if (!addresses.every(isAllowed)) return failed("address_blocked");
    return post({ url, addresses }, letter, deadline);
  };

  const parse = (text: string): URL | null => {
    try {
      return parseWebhookUrl(text, { allowsHttp, allowsPrivate: true });
    } catch {
      return null;
    }
  };

  return {
    send: async (request, signal) => {
      const startedAt = performance.now();
      const url = parse(request.url);
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const outcome = url === null ? failed("url_refused") : await attempt(url, write(request), deadline);
      return { ...outcome, durationMs: Math.round(performance.now() - startedAt) };
    },
  };
}
