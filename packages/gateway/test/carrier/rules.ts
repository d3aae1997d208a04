/** What the vendor knows of the account that calls. */
export interface CarrierAccount {
  readonly accountSid: string;
  readonly authToken: string;
  /** Numbers that may send. */
  readonly from: string;
  readonly messagingServiceSid: string;
  /** The number that may call. */
  readonly voiceFrom: string;
  /** The sender of WhatsApp messages, without `whatsapp:`. */
  readonly whatsappFrom: string;
  /** Its approved authentication template. */
  readonly contentSid: string;
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

export const E164 = /^\+[1-9]\d{6,14}$/;
export const HTTP_URL = /^https?:\/\/[^\s]+$/;
const WHATSAPP = "whatsapp:";
const MAX_BODY_CHARACTERS = 1_600;
const MAX_VALIDITY_SECONDS = 36_000;

export const refusal = (status: number, code: number, message: string): Refusal => ({ status, code, message });

/** Tells what the vendor would refuse before it reads a single parameter. */
export function refuseCall({ path, authorization }: Call, account: CarrierAccount): Refusal | null {
  const expected = `Basic ${Buffer.from(`${account.accountSid}:${account.authToken}`).toString("base64")}`;
  if (authorization !== expected) return refusal(401, 20003, "Authenticate");
  const base = `/2010-04-01/Accounts/${account.accountSid}`;
  return [`${base}.json`, `${base}/Messages.json`, `${base}/Calls.json`].includes(path)
    ? null
    : refusal(404, 20404, `The requested resource ${path} was not found`);
}

/**
 * Tells what the vendor would refuse in a message.
 *
 * @see https://www.twilio.com/docs/api/errors
 */
export function refuseMessage(call: Call, params: URLSearchParams, account: CarrierAccount): Refusal | null {
  const refused = refuseForm(call, params, { account, known: KNOWN, repeatable: REPEATABLE });
  if (refused !== null) return refused;
  return params.get("To")?.startsWith(WHATSAPP)
    ? (refuseWhatsapp(params, account) ?? refuseOptions(params))
    : (refuseSender(params, account) ?? refuseText(params) ?? refuseOptions(params));
}

interface FormRules {
  readonly account: CarrierAccount;
  readonly known: ReadonlySet<string>;
  readonly repeatable: ReadonlySet<string>;
}

/** Tells what the vendor would refuse in any form. */
export function refuseForm(
  { contentType }: Call,
  params: URLSearchParams,
  { account, known, repeatable }: FormRules,
): Refusal | null {
  if (account.status !== "active") return refusal(401, 20005, "Account not active");
  if (!contentType?.startsWith("application/x-www-form-urlencoded")) {
    return refusal(415, 20415, "Unsupported Media Type");
  }
  const names = [...params.keys()];
  const odd = names.find((name) => !known.has(name));
  if (odd !== undefined) return refusal(400, 20001, `Unknown parameter ${odd}`);
  const twice = names.find((name) => !repeatable.has(name) && params.getAll(name).length > 1);
  return twice === undefined ? null : refusal(400, 20001, `Parameter ${twice} more than once`);
}

/** @see https://www.twilio.com/docs/content/whatsappauthentication (read 2026-11) and the errors 63007, 21655, 21656 */
function refuseWhatsapp(params: URLSearchParams, account: CarrierAccount): Refusal | null {
  const [to = "", from] = [params.get("To")?.slice(WHATSAPP.length), params.get("From")];
  if (!E164.test(to)) return refusal(400, 21211, "Invalid 'To' Phone Number");
  if (from !== WHATSAPP + account.whatsappFrom) return refusal(400, 63007, "Twilio could not find a Channel");
  // The vendor says this one in a receipt; said at once, no test goes on with a text that WhatsApp would not deliver.
  if (!params.has("ContentSid")) return refusal(400, 63016, "Outside the allowed window: use a Message Template");
  if (params.get("ContentSid") !== account.contentSid) return refusal(400, 21655, "The ContentSid is Invalid");
  return isCodeAlone(params.get("ContentVariables") ?? "")
    ? null
    : refusal(400, 21656, "The ContentVariables Parameter is invalid");
}

/** Tells whether variables hold what an authentication template takes: one variable, shorter than 15 characters. */
function isCodeAlone(variables: string): boolean {
  try {
    const entries = Object.entries(JSON.parse(variables) as object);
    const [[name, value] = []] = entries;
    return entries.length === 1 && name === "1" && typeof value === "string" && /^.{1,14}$/.test(value);
  } catch {
    return false;
  }
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
