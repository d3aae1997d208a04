import { type CallbackForgery, commonFields, postSigned } from "./callbacks.ts";
import type { LedgerEntry } from "./ledger.ts";
import { type Call, type CarrierAccount, E164, HTTP_URL, type Refusal, refusal, refuseForm } from "./rules.ts";
import { type Heard, listen } from "./twiml.ts";

/** Parameters of `POST …/Calls.json` that a call of ours may have, from the vendor's OpenAPI document (`CreateCallRequest`). */
const KNOWN = new Set([
  "To",
  "From",
  "Url",
  "Method",
  "Twiml",
  "ApplicationSid",
  "FallbackUrl",
  "FallbackMethod",
  "StatusCallback",
  "StatusCallbackEvent",
  "StatusCallbackMethod",
  "SendDigits",
  "Timeout",
  "TimeLimit",
  "Record",
  "MachineDetection",
  "MachineDetectionTimeout",
]);
const REPEATABLE = new Set(["StatusCallbackEvent"]);
const EVENTS: readonly string[] = ["initiated", "ringing", "answered", "completed"];
const MAX_RING_SECONDS = 600;

/**
 * Tells what the vendor would refuse in a call.
 *
 * @see https://www.twilio.com/docs/api/errors/21200 and those that follow it
 */
export function refusePhoneCall(call: Call, params: URLSearchParams, account: CarrierAccount): Refusal | null {
  const refused = refuseForm(call, params, { account, known: KNOWN, repeatable: REPEATABLE });
  if (refused !== null) return refused;
  const [to, from, url] = [params.get("To") ?? "", params.get("From") ?? "", params.get("Url")];
  if (to === "") return refusal(400, 21201, "No 'To' number is specified");
  if (!E164.test(to)) return refusal(400, 21211, "Invalid 'To' Phone Number");
  if (from === "") return refusal(400, 21213, "Caller phone number is required");
  if (from !== account.voiceFrom) return refusal(400, 21210, "'From' phone number not verified");
  if (url === null && !params.has("Twiml")) return refusal(400, 21205, "Url parameter is required");
  if (url !== null && !HTTP_URL.test(url)) return refusal(400, 21205, "Url is not a valid URL");
  return refuseCallOptions(params);
}

function refuseCallOptions(params: URLSearchParams): Refusal | null {
  const callback = params.get("StatusCallback");
  if (callback !== null && !HTTP_URL.test(callback)) return refusal(400, 21609, "Invalid 'StatusCallback' URL");
  if (!params.getAll("StatusCallbackEvent").every((event) => EVENTS.includes(event))) {
    return refusal(400, 21626, "Invalid StatusCallbackEvents");
  }
  const seconds = params.get("Timeout") ?? "60";
  const isSeconds = /^\d+$/.test(seconds) && Number(seconds) <= MAX_RING_SECONDS;
  if (!isSeconds) return refusal(400, 20001, "Invalid Timeout");
  const method = params.get("Method") ?? "POST";
  return ["GET", "POST"].includes(method) ? null : refusal(400, 20001, "Invalid Method");
}

/** The resource as the vendor writes it: dates of RFC 2822, numbers as text. */
export function toPhoneCall(sid: string, params: URLSearchParams, { accountSid }: CarrierAccount) {
  const date = new Date().toUTCString().replace("GMT", "+0000");
  const uri = `/2010-04-01/Accounts/${accountSid}/Calls/${sid}`;
  return {
    account_sid: accountSid,
    answered_by: null,
    api_version: "2010-04-01",
    caller_name: null,
    date_created: date,
    date_updated: date,
    direction: "outbound-api",
    duration: null,
    end_time: null,
    forwarded_from: null,
    from: params.get("From"),
    from_formatted: params.get("From"),
    group_sid: null,
    parent_call_sid: null,
    phone_number_sid: null,
    price: null,
    price_unit: "USD",
    queue_time: "0",
    sid,
    start_time: null,
    status: "queued",
    subresource_uris: { notifications: `${uri}/Notifications.json` },
    to: params.get("To"),
    to_formatted: params.get("To"),
    trunk_sid: null,
    uri: `${uri}.json`,
  };
}

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  /** Null when there was nothing to run: the vendor says "an application error has occurred" and hangs up. */
  readonly heard: Heard | null;
}

/**
 * Lifts the phone: fetches what to say from the `Url` of the call, signed, and listens to it.
 *
 * @see https://www.twilio.com/docs/voice/twiml (2026-11: what a request for TwiML says)
 */
export async function answerPhone(
  account: CarrierAccount,
  entry: LedgerEntry,
  forgery: CallbackForgery,
): Promise<Answered> {
  const url = entry.params["Url"];
  if (url === undefined) throw new Error("the call has no Url");
  const fields = {
    ...commonFields(account, entry),
    Called: entry.to ?? "",
    Caller: account.voiceFrom,
    CallSid: entry.sid ?? "",
    CallStatus: "in-progress",
    Direction: "outbound-api",
  };
  const response = await postSigned(account, { url, fields }, forgery);
  const text = await response.text();
  const { status, headers } = response;
  const isXml = headers.get("content-type")?.includes("xml") === true;
  return { status, headers, heard: response.ok && isXml ? listen(text) : null };
}
