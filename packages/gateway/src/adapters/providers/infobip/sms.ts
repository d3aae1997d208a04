import { z } from "zod";
import type { OutgoingMessage, SendResult } from "../../../domain/delivery.ts";
import { senderProblem } from "../../../domain/sender.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { AccountCheck, Provider } from "../../../ports/provider.ts";
import { createCaller } from "../wire/caller.ts";
import type { Exchange } from "../wire/exchange.ts";
import { toFailure, toRefusal } from "../wire/failure.ts";
import { readJson } from "../wire/reading.ts";
import { INFOBIP_ERRORS } from "./error-catalogue.ts";
import { readReport, sealOf } from "./receipts.ts";
import { MessageStatus, vendorCodeOf } from "./statuses.ts";

/** Longer ones are cut to it. @see OpenAPI 3.210.0 (2026-07-23): `ValidityPeriod` */
const MAX_VALIDITY_SECONDS = 172_800;

/** @see OpenAPI 3.210.0 (2026-07-23): `SmsResponseEnvelope`, `MessageResponseSmsMessageResponseDetails` */
const Sent = z.object({
  messages: z.array(z.object({ messageId: z.string().regex(/^[\w-]{4,100}$/), status: MessageStatus })).length(1),
});

/** @see OpenAPI 3.245.1 (2026-10-07): `GET /account/1/balance` */
const Balance = z.object({ balance: z.number(), currency: z.string().regex(/^[A-Z]{3}$/) });

export interface InfobipSettings {
  readonly apiKey: string;
  /** Each account has its own, such as `https://xxxxx.api.infobip.com`. */
  readonly baseUrl: string;
  /** A number in E.164, a short code or an alphanumeric sender ID. */
  readonly from: string;
  readonly timeoutMs?: number | undefined;
  readonly clock: Clock;
}

/** The vendor writes numbers without `+`. @see OpenAPI 3.210.0 (2026-07-23): the examples of `POST /sms/3/messages` */
const withoutPlus = (number: string): string => number.replace(/^\+/, "");

/**
 * SMS through Infobip, version 3 of its SMS API. Plain HTTP: the vendor's package for Node speaks version 2 and takes no
 * transport of ours.
 *
 * @see https://www.infobip.com/docs/api/channels/sms/outbound-sms/send-sms-messages
 */
export function createInfobip(settings: InfobipSettings): Provider {
  const { apiKey, baseUrl, from, timeoutMs, clock } = settings;
  const caller = createCaller(timeoutMs);
  /** @see npm `@infobip-api/sdk` 0.3.2 (2024-12): `AuthType.ApiKey` is `App` */
  const headers = { authorization: `App ${apiKey}`, accept: "application/json" };

  /** @see OpenAPI 3.210.0 (2026-07-23): `SmsMessage`, `SmsMessageOptions`, `Webhooks` */
  const toBody = ({ to, text, deliverBefore, receiptUrl }: OutgoingMessage) => {
    const lifeSeconds = Math.floor((deliverBefore - clock.now()) / 1_000);
    const amount = Math.min(Math.max(lifeSeconds, 1), MAX_VALIDITY_SECONDS);
    const reports = { contentType: "application/json", callbackData: sealOf(receiptUrl ?? "", apiKey) };
    const message = {
      sender: withoutPlus(from),
      destinations: [{ to: withoutPlus(to) }],
      content: { text },
      options: { validityPeriod: { amount, timeUnit: "SECONDS" } },
      ...(receiptUrl === undefined ? {} : { webhooks: { delivery: { url: receiptUrl }, ...reports } }),
    };
    return { messages: [message] };
  };

  const send = async (message: OutgoingMessage, signal: AbortSignal): Promise<SendResult> => {
    const call = {
      method: "POST",
      url: `${baseUrl}/sms/3/messages`,
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify(toBody(message)),
    } as const;
    const exchange = await caller.call(call, signal);
    const sent = exchange.answered && exchange.status < 300 ? readJson(Sent, exchange.body)?.messages[0] : undefined;
    if (sent === undefined) {
      return toFailure(exchange, { catalogue: INFOBIP_ERRORS, vendorCode: vendorCodeOf(exchange), now: clock.now() });
    }
    switch (sent.status.groupName) {
      case "ACCEPTED":
      case "PENDING":
      case "DELIVERED":
        return { outcome: "accepted", providerMessageId: sent.messageId, sender: from };
      default:
        return toRefusal(INFOBIP_ERRORS, `status_${sent.status.id}`);
    }
  };

  return {
    id: "infobip",
    channel: "sms",
    simulated: false,
    send,
    problemWith: ({ country }) => senderProblem(from, country),
    readReceipt: async (callback) => readReport(callback, apiKey),
    explain: (vendorCode) => INFOBIP_ERRORS.get(vendorCode) ?? null,
    check: async (signal) =>
      describe(await caller.call({ method: "GET", url: `${baseUrl}/account/1/balance`, headers }, signal)),
    close: caller.close,
  };
}

/** One line for an operator. A key that may send and not read the balance is a good key. */
function describe(exchange: Exchange): AccountCheck {
  if (!exchange.answered) return { ok: false, detail: "the API does not answer" };
  const { status, body } = exchange;
  if (status === 401) return { ok: false, detail: "the API refuses INFOBIP_API_KEY" };
  if (status === 403) return { ok: true, detail: "the API takes the key, which may not read the balance" };
  const read = status < 300 ? readJson(Balance, body) : undefined;
  if (read === undefined) return { ok: false, detail: `the API answers ${status}` };
  return { ok: true, detail: `the account answers, balance ${read.currency} ${read.balance.toFixed(2)}` };
}
