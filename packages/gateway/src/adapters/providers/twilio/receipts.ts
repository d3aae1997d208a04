import type { Receipt } from "../../../domain/delivery.ts";
import type { Callback, Reported } from "../../../ports/provider.ts";
import { UNLISTED } from "../wire/failure.ts";
import { TWILIO_ERRORS } from "./error-catalogue.ts";

/** Who may post to us. */
export interface ReceiptAccount {
  readonly accountSid: string;
  readonly authToken: string;
}

const FORM_TYPE = "application/x-www-form-urlencoded";

const first = (header: string | readonly string[] | undefined): string | undefined =>
  typeof header === "string" ? header : header?.[0];

/** The parameters of a form; one that comes twice is a list, as the signature counts it. */
function toParams(body: string): Record<string, string | string[]> {
  const form = new URLSearchParams(body);
  return Object.fromEntries(
    [...new Set(form.keys())].map((name) => {
      const values = form.getAll(name);
      return [name, values.length === 1 ? (values[0] ?? "") : values];
    }),
  );
}

/**
 * Reads the form of a genuine request of the vendor; null when its signature is not by our token.
 *
 * @see https://www.twilio.com/docs/usage/webhooks/webhooks-security
 */
async function readSignedForm(
  { url, headers, body }: Callback,
  { authToken }: ReceiptAccount,
): Promise<Readonly<Record<string, string | string[]>> | null> {
  const signature = first(headers["x-twilio-signature"]);
  const isForm = first(headers["content-type"])?.startsWith(FORM_TYPE) === true;
  if (signature === undefined || !isForm) return null;
  const params = toParams(body);
  const { validateRequest } = (await import("twilio")).default;
  return validateRequest(authToken, signature, url, params) ? params : null;
}

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
export async function readMessageReceipt(callback: Callback, account: ReceiptAccount): Promise<Reported> {
  const form = await readSignedForm(callback, account);
  if (form === null || form["AccountSid"] !== account.accountSid) return { kind: "forged" };
  const { MessageSid: sid, MessageStatus: status, ErrorCode: errorCode } = form;
  if (typeof sid !== "string" || typeof status !== "string") return { kind: "malformed" };
  const receipt = toReceipt(status, errorCode);
  return receipt === null ? { kind: "nothing" } : { kind: "receipt", providerMessageId: sid, receipt };
}
