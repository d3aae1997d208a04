import { z } from "zod";
import type { OutgoingMessage, SendResult } from "../../../domain/delivery.ts";
import { senderProblem } from "../../../domain/sender.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { AccountCheck, Provider } from "../../../ports/provider.ts";
import { createCaller } from "../wire/caller.ts";
import type { Exchange } from "../wire/exchange.ts";
import { toFailure } from "../wire/failure.ts";
import { readJson } from "../wire/reading.ts";
import { vendorCodeOf } from "./answers.ts";
import { VONAGE_ERRORS } from "./error-catalogue.ts";
import { readStatus } from "./receipts.ts";

/** @see https://developer.vonage.com/en/api/messages (OpenAPI 1.20.0, 2026-10-08: `servers`) */
const API_URL = "https://api.nexmo.com";
/** @see npm `@vonage/accounts` 1.23.1 (2026-09): `restHost`, `GET /account/get-balance` */
const REST_URL = "https://rest.nexmo.com";

/** @see OpenAPI 1.20.0 (2026-10-08): `channelOptionsSms.ttl` */
const MIN_TTL_SECONDS = 20;
const MAX_TTL_SECONDS = 604_800;

const Accepted = z.object({ message_uuid: z.guid() });
/** Euros. @see npm `@vonage/accounts` 1.23.1 (2026-09): `GetBalanceResponse`; https://developer.vonage.com/en/account/code-snippets/account-balance */
const Balance = z.object({ value: z.number() });

export interface VonageSettings {
  readonly apiKey: string;
  readonly apiSecret: string;
  /** A number of the account in E.164, a short code or an alphanumeric sender ID. */
  readonly from: string;
  /** Signs what the vendor posts to us; without it no receipt can be believed, so none is asked for. */
  readonly signatureSecret?: string | undefined;
  /** A region, a proxy or a test server in place of both hosts of the vendor; may have a path. */
  readonly apiBaseUrl?: string | undefined;
  readonly timeoutMs?: number | undefined;
  readonly clock: Clock;
}

/** The vendor wants numbers without `+`. @see OpenAPI 1.20.0 (2026-10-08): `ToNumber`, `FromNumber` */
const withoutPlus = (number: string): string => number.replace(/^\+/, "");

/**
 * SMS through the Messages API of Vonage: its receipts carry a JWT and a price with its currency, which those of the
 * older SMS API do not. Plain HTTP, because the vendor's SDK takes no transport of ours.
 *
 * @see https://developer.vonage.com/en/api/messages
 */
export function createVonage(settings: VonageSettings): Provider {
  const { apiKey, apiSecret, from, signatureSecret, apiBaseUrl, timeoutMs, clock } = settings;
  const caller = createCaller(timeoutMs);
  /** @see https://developer.vonage.com/en/messages/technical-details#authentication (basic, 2026-10) */
  const authorization = `Basic ${Buffer.from(`${apiKey}:${apiSecret}`).toString("base64")}`;

  /** @see OpenAPI 1.20.0 (2026-10-08): `OutboundSMSText`, `outboundMessageCommon` */
  const toBody = (message: OutgoingMessage) => {
    const lifeSeconds = Math.floor((message.deliverBefore - clock.now()) / 1_000);
    const isReported = message.receiptUrl !== undefined && signatureSecret !== undefined;
    return {
      message_type: "text",
      channel: "sms",
      to: withoutPlus(message.to),
      from: withoutPlus(from),
      text: message.text,
      ttl: Math.min(Math.max(lifeSeconds, MIN_TTL_SECONDS), MAX_TTL_SECONDS),
      client_ref: message.id,
      ...(isReported ? { webhook_url: message.receiptUrl, webhook_version: "v1" } : {}),
    };
  };

  const send = async (message: OutgoingMessage, signal: AbortSignal): Promise<SendResult> => {
    const call = {
      method: "POST",
      url: `${apiBaseUrl ?? API_URL}/v1/messages`,
      headers: { authorization, "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify(toBody(message)),
    } as const;
    const exchange = await caller.call(call, signal);
    const accepted = exchange.answered && exchange.status < 300 ? readJson(Accepted, exchange.body) : undefined;
    if (accepted !== undefined) return { outcome: "accepted", providerMessageId: accepted.message_uuid, sender: from };
    return toFailure(exchange, { catalogue: VONAGE_ERRORS, vendorCode: vendorCodeOf(exchange), now: clock.now() });
  };

  return {
    id: "vonage",
    channel: "sms",
    simulated: false,
    send,
    problemWith: ({ country }) => senderProblem(from, country),
    readReceipt: (callback) => readStatus(callback, { apiKey, signatureSecret, clock }),
    explain: (vendorCode) => VONAGE_ERRORS.get(vendorCode) ?? null,
    check: async (signal) => {
      const url = `${apiBaseUrl ?? REST_URL}/account/get-balance`;
      return describe(await caller.call({ method: "GET", url, headers: { authorization } }, signal));
    },
    close: caller.close,
  };
}

/** One line for an operator. No credit is not held against the account: one that pays afterwards has none. */
function describe(exchange: Exchange): AccountCheck {
  if (!exchange.answered) return { ok: false, detail: "the API does not answer" };
  const { status, body } = exchange;
  if (status === 401) return { ok: false, detail: "the API refuses VONAGE_API_KEY and VONAGE_API_SECRET" };
  const balance = status < 300 ? readJson(Balance, body) : undefined;
  if (balance === undefined) return { ok: false, detail: `the API answers ${status}` };
  return { ok: true, detail: `the account answers, balance EUR ${balance.value.toFixed(2)}` };
}
