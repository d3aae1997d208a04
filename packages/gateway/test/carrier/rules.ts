/** What the vendor knows of the account that calls. */
export interface CarrierAccount {
  readonly accountSid: string;
  readonly authToken: string;
  /** Numbers that may send. */
  readonly from: string;
  readonly messagingServiceSid: string;
  status: "active" | "suspended" | "closed";
}

/** An answer in the vendor's shape: HTTP status and error code. */
export interface Refusal {
  readonly status: number;
  readonly code: number;
  readonly message: string;
}

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly contentType: string | undefined;
  readonly body: string;
}

/** Parameters of `POST …/Messages.json`, from the vendor's OpenAPI document (`CreateMessageRequest`). */
const KNOWN = new Set([
  "To",
  "StatusCallback",
  "ApplicationSid",
  "MaxPrice",
  "ProvideFeedback",
  "Attempt",
  "ValidityPeriod",
  "ForceDelivery",
  "ContentRetention",
  "AddressRetention",
  "SmartEncoded",
  "PersistentAction",
  "TrafficType",
  "ShortenUrls",
  "ScheduleType",
  "SendAt",
  "SendAsMms",
  "ContentVariables",
  "RiskCheck",
  "From",
  "FallbackFrom",
  "MessagingServiceSid",
  "Body",
  "MediaUrl",
  "ContentSid",
]);
const REPEATABLE = new Set(["MediaUrl", "PersistentAction"]);

const E164 = /^\+[1-9]\d{6,14}$/;
const HTTP_URL = /^https?:\/\/[^\s]+$/;
const MAX_BODY_CHARACTERS = 1_600;
const MAX_VALIDITY_SECONDS = 36_000;

const refusal = (status: number, code: number, message: string): Refusal => ({ status, code, message });

/** Tells what the vendor would refuse before it reads a single parameter. */
export function refuseCall({ path, authorization }: Call, account: CarrierAccount): Refusal | null {
  const expected = `Basic ${Buffer.from(`${account.accountSid}:${account.authToken}`).toString("base64")}`;
  if (authorization !== expected) return refusal(401, 20003, "Authenticate");
  const base = `/2010-04-01/Accounts/${account.accountSid}`;
  return path === `${base}.json` || path === `${base}/Messages.json`
    ? null
    : refusal(404, 20404, `The requested resource ${path} was not found`);
}

/**
 * Tells what the vendor would refuse in a message.
 *
 * @see https://www.twilio.com/docs/api/errors
 */
export function refuseMessage(call: Call, params: URLSearchParams, account: CarrierAccount): Refusal | null {
  if (account.status !== "active") return refusal(401, 20005, "Account not active");
  if (!call.contentType?.startsWith("application/x-www-form-urlencoded")) {
    return refusal(415, 20415, "Unsupported Media Type");
  }
  const names = [...params.keys()];
  const odd = names.find((name) => !KNOWN.has(name));
  if (odd !== undefined) return refusal(400, 20001, `Unknown parameter ${odd}`);
  const twice = names.find((name) => !REPEATABLE.has(name) && params.getAll(name).length > 1);
  if (twice !== undefined) return refusal(400, 20001, `Parameter ${twice} more than once`);
  return refuseSender(params, account) ?? refuseText(params) ?? refuseOptions(params);
}

function refuseSender(params: URLSearchParams, account: CarrierAccount): Refusal | null {
  const to = params.get("To") ?? "";
  const from = params.get("From");
  const service = params.get("MessagingServiceSid");
  if (to === "") return refusal(400, 21604, "A 'To' phone number is required.");
  if (!E164.test(to)) return refusal(400, 21211, "Invalid 'To' Phone Number");
  if (from === null && service === null) return refusal(400, 21603, "A 'From' phone number is required.");
  if (service !== null && service !== account.messagingServiceSid) {
    return refusal(400, 21705, "The Messaging Service Sid is invalid.");
  }
  if (from !== null && !E164.test(from)) return refusal(400, 21212, "Invalid 'From' Number");
  if (from !== null && from !== account.from)
    return refusal(400, 21606, "The 'From' number cannot send to this number.");
  return null;
}

function refuseText(params: URLSearchParams): Refusal | null {
  const body = params.get("Body") ?? "";
  if (body === "") return refusal(400, 21602, "Message body is required.");
  if ([...body].length > MAX_BODY_CHARACTERS) return refusal(400, 21617, "The message body exceeds 1600 characters.");
  return null;
}

function refuseOptions(params: URLSearchParams): Refusal | null {
  const validity = params.get("ValidityPeriod");
  const seconds = Number(validity);
  if (validity !== null && !(/^\d+$/.test(validity) && seconds >= 1 && seconds <= MAX_VALIDITY_SECONDS)) {
    return refusal(400, 90007, "Invalid validity period value");
  }
  const callback = params.get("StatusCallback");
  if (callback !== null && !HTTP_URL.test(callback)) return refusal(400, 21609, "Invalid 'StatusCallback' URL");
  return null;
}
