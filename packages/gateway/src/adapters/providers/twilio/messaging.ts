import type { OutgoingMessage, SendResult } from "../../../domain/delivery.ts";
import { senderProblem } from "../../../domain/sender.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Provider } from "../../../ports/provider.ts";
import { toFailure, toRefusal } from "../wire/failure.ts";
import { createTwilioClient, type TwilioAccount, vendorCodeOf } from "./client.ts";
import { TWILIO_ERRORS } from "./error-catalogue.ts";
import { readMessageReceipt } from "./receipts.ts";

const MAX_VALIDITY_SECONDS = 36_000;
const MESSAGE_SID = /^(SM|MM)[0-9a-f]{32}$/i;

export interface TwilioSettings extends TwilioAccount {
  /** A messaging service chooses among its numbers; numbers are tried in order, where the vendor refuses one. */
  readonly sender: { readonly from: readonly string[] } | { readonly messagingServiceSid: string };
  readonly clock: Clock;
}

type Sender = { readonly from: string } | { readonly messagingServiceSid: string };

/**
 * SMS through Twilio Messaging.
 *
 * @see https://www.twilio.com/docs/messaging/api/message-resource
 */
export function createTwilio(settings: TwilioSettings): Provider {
  const { sender, clock } = settings;
  const client = createTwilioClient(settings);

  const sendersFor = (country: string | null): readonly Sender[] =>
    "messagingServiceSid" in sender
      ? [sender]
      : sender.from.filter((from) => senderProblem(from, country) === null).map((from) => ({ from }));

  const sendFrom = async (from: Sender, message: OutgoingMessage, signal: AbortSignal): Promise<SendResult> => {
    const lifeSeconds = Math.floor((message.deliverBefore - clock.now()) / 1_000);
    const { value, exchange } = await client.call(signal, (twilio) =>
      twilio.messages.create({
        ...from,
        to: message.to,
        body: message.text,
        validityPeriod: Math.min(Math.max(lifeSeconds, 1), MAX_VALIDITY_SECONDS),
        ...(message.receiptUrl === undefined ? {} : { statusCallback: message.receiptUrl }),
      }),
    );
    if (value === undefined) {
      return toFailure(exchange, { catalogue: TWILIO_ERRORS, vendorCode: vendorCodeOf(exchange), now: clock.now() });
    }
    if (typeof value.sid !== "string" || !MESSAGE_SID.test(value.sid)) return { outcome: "unknown" };
    if (value.status === "failed") return toRefusal(TWILIO_ERRORS, String(value.errorCode));
    return { outcome: "accepted", providerMessageId: value.sid, sender: "from" in from ? from.from : null };
  };

  /** Tries the next sender when the vendor says that another one would do. */
  const sendFromAny = async (message: OutgoingMessage, signal: AbortSignal): Promise<SendResult> => {
    const [first, ...others] = sendersFor(message.country);
    if (first === undefined)
      return { outcome: "rejected", code: "delivery_failed", vendorCode: "no_sender", change: ["provider"] };
    let result = await sendFrom(first, message, signal);
    for (const from of others) {
      if (result.outcome !== "rejected" || result.change?.includes("sender") !== true) return result;
      if (clock.now() >= message.callBefore || signal.aborted) return result;
      result = await sendFrom(from, message, signal);
    }
    return result;
  };

  return {
    id: "twilio",
    channel: "sms",
    simulated: false,
    send: sendFromAny,
    problemWith: ({ country }) => {
      if ("messagingServiceSid" in sender) return null;
      const problems = sender.from.map((from) => senderProblem(from, country));
      return problems.includes(null) ? null : (problems[0] ?? "no sender is configured");
    },
    readReceipt: (callback) => readMessageReceipt(callback, settings),
    explain: (vendorCode) => TWILIO_ERRORS.get(vendorCode) ?? null,
    check: client.checkAccount,
    close: client.close,
  };
}
