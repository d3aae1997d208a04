import type { OutgoingMessage, SendResult } from "../../../domain/delivery.ts";
import { senderProblem } from "../../../domain/sender.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Provider } from "../../../ports/provider.ts";
import { createTwilioClient, type TwilioAccount } from "./client.ts";
import { TWILIO_ERRORS } from "./error-catalogue.ts";
import { readInboundMessage } from "./inbound.ts";
import { readMessageReceipt } from "./receipts.ts";
import { sendMessage } from "./send-message.ts";

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
    const call = { client, clock, catalogue: TWILIO_ERRORS, message, signal };
    const result = await sendMessage(call, { ...from, to: message.to, body: message.text });
    return result.outcome === "accepted" ? { ...result, sender: "from" in from ? from.from : null } : result;
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
    readInbound: (callback) => readInboundMessage(callback, settings),
    readReceipt: (callback) => readMessageReceipt(callback, settings),
    explain: (vendorCode) => TWILIO_ERRORS.get(vendorCode) ?? null,
    check: client.checkAccount,
    close: client.close,
  };
}
