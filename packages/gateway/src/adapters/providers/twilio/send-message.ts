import type { Twilio } from "twilio";
import type { OutgoingMessage, SendResult } from "../../../domain/delivery.ts";
import type { ErrorCatalogue } from "../../../domain/vendor-error.ts";
import type { Clock } from "../../../ports/clock.ts";
import { toFailure, toRefusal } from "../wire/failure.ts";
import { type TwilioClient, vendorCodeOf } from "./client.ts";

const MAX_VALIDITY_SECONDS = 36_000;
const MESSAGE_SID = /^(SM|MM)[0-9a-f]{32}$/i;

export interface MessageCall {
  readonly client: TwilioClient;
  readonly clock: Clock;
  readonly catalogue: ErrorCatalogue;
  readonly message: OutgoingMessage;
  readonly signal: AbortSignal;
}

/** Who it is from and to, and what it says; its life and its receipts are those of the message. */
export type MessageContent = Parameters<Twilio["messages"]["create"]>[0];

/**
 * Makes one message of whatever channel the vendor's Messages API carries, and reads what it came to.
 *
 * @see https://www.twilio.com/docs/messaging/api/message-resource
 */
export async function sendMessage(
  { client, clock, catalogue, message, signal }: MessageCall,
  content: MessageContent,
): Promise<SendResult> {
  const lifeSeconds = Math.floor((message.deliverBefore - clock.now()) / 1_000);
  const { value, exchange } = await client.call(signal, (twilio) =>
    twilio.messages.create({
      ...content,
      validityPeriod: Math.min(Math.max(lifeSeconds, 1), MAX_VALIDITY_SECONDS),
      ...(message.receiptUrl === undefined ? {} : { statusCallback: message.receiptUrl }),
    }),
  );
  if (value === undefined) {
    return toFailure(exchange, { catalogue, vendorCode: vendorCodeOf(exchange), now: clock.now() });
  }
  if (typeof value.sid !== "string" || !MESSAGE_SID.test(value.sid)) return { outcome: "unknown" };
  if (value.status === "failed") return toRefusal(catalogue, String(value.errorCode));
  return { outcome: "accepted", providerMessageId: value.sid };
}
