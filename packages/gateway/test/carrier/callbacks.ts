import { createHmac } from "node:crypto";
import type { LedgerEntry } from "./ledger.ts";
import type { CarrierAccount } from "./rules.ts";

/** What somebody changes who is not the vendor. */
export interface CallbackForgery {
  /** Fields added to the form, or put in place of others, before it is signed. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Fields changed after it was signed. */
  readonly changed?: Readonly<Record<string, string>>;
  /** Null for no signature at all. */
  readonly signature?: string | null;
  readonly authToken?: string;
  /** Where it is posted, when that is not what was signed. */
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** @see https://www.twilio.com/docs/usage/webhooks/webhooks-security */
export function sign(url: string, params: Readonly<Record<string, string>>, authToken: string): string {
  const text = Object.keys(params)
    .sort()
    .reduce((whole, name) => whole + name + params[name], url);
  return createHmac("sha1", authToken).update(text, "utf8").digest("base64");
}

/** @see https://www.twilio.com/docs/messaging/guides/track-outbound-message-status */
export async function postCallback(
  account: CarrierAccount,
  { entry, status }: { readonly entry: LedgerEntry; readonly status: string },
  forgery: CallbackForgery,
): Promise<number> {
  const url = entry.params["StatusCallback"];
  if (url === undefined) throw new Error("the message has no StatusCallback");
  const sid = entry.sid ?? "";
  const ofKind: Readonly<Record<string, string>> = isCall(entry)
    ? { CallSid: sid, CallStatus: status, Direction: "outbound-api", ...(status === "completed" ? HEARD : {}) }
    : { MessageSid: sid, MessageStatus: status, SmsSid: sid, SmsStatus: status };
  const response = await postSigned(account, { url, fields: { ...commonFields(account, entry), ...ofKind } }, forgery);
  await response.arrayBuffer();
  return response.status;
}

/** How long somebody listened who heard all of it, in seconds. */
const HEARD = { CallDuration: "35" };

export const isCall = ({ sid }: LedgerEntry): boolean => sid?.startsWith("CA") === true;

/** What every request of the vendor about a message or a call says. */
export const commonFields = ({ accountSid, from }: CarrierAccount, { params, to }: LedgerEntry) => ({
  AccountSid: accountSid,
  ApiVersion: "2010-04-01",
  From: params["From"] ?? from,
  To: to ?? "",
});

/** Posts a form as the vendor does, signed; or as somebody does who is not the vendor. */
export function postSigned(
  account: CarrierAccount,
  { url, fields: genuine }: { readonly url: string; readonly fields: Readonly<Record<string, string>> },
  forgery: CallbackForgery,
): Promise<Response> {
  const fields = { ...genuine, ...forgery.fields };
  const signature =
    forgery.signature === undefined ? sign(url, fields, forgery.authToken ?? account.authToken) : forgery.signature;
  return fetch(forgery.url ?? url, {
    method: "POST",
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      ...(signature === null ? {} : { "x-twilio-signature": signature }),
      ...forgery.headers,
    },
    body: new URLSearchParams({ ...fields, ...forgery.changed }).toString(),
  });
}
