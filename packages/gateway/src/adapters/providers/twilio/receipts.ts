import type { Receipt } from "../../../domain/delivery.ts";
import type { Callback, Reported } from "../../../ports/provider.ts";
import { UNLISTED } from "../wire/failure.ts";
import { TWILIO_ERRORS } from "./error-catalogue.ts";
import { readSignedRequest, type SigningAccount } from "./signed-request.ts";

/** A state of the vendor that moves a message of ours; the others come before it was handed over. */
const STATES: Readonly<Record<string, Receipt["state"]>> = {
  sent: "sent",
  delivered: "delivered",
  read: "delivered",
  undelivered: "undelivered",
  failed: "undelivered",
};

function toReceipt(status: string, errorCode: unknown): Receipt | null {
  const state = STATES[status];
  if (state === undefined) return null;
  if (state !== "undelivered") return { state };
  const vendorCode = typeof errorCode === "string" && /^\d{1,6}$/.test(errorCode) ? errorCode : null;
  const error = vendorCode === null ? UNLISTED : (TWILIO_ERRORS.get(vendorCode) ?? UNLISTED);
  return {
    ...{ state, code: error.userError },
    ...(vendorCode === null ? {} : { vendorCode }),
    ...(error.change.length === 0 ? {} : { change: error.change }),
  };
}

/**
 * Reads a status callback of a message. The vendor may add fields, and its callbacks come in any order.
 *
 * @see https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
 */
export async function readMessageReceipt(callback: Callback, account: SigningAccount): Promise<Reported> {
  const form = await readSignedRequest(callback, account);
  if (form === null) return { kind: "forged" };
  const { MessageSid: sid, MessageStatus: status, ErrorCode: errorCode } = form;
  if (typeof sid !== "string" || typeof status !== "string") return { kind: "malformed" };
  const receipt = toReceipt(status, errorCode);
  return receipt === null ? { kind: "nothing" } : { kind: "receipt", providerMessageId: sid, receipt };
}
