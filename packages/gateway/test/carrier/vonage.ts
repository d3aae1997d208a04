import { createHash, randomUUID } from "node:crypto";
import { SignJWT } from "jose";
import type { Callback } from "../../src/ports/provider.ts";
import { type Answer, type Heard, startVendor, type Vendor, type Verdict } from "./vendor.ts";

export const VONAGE_ACCOUNT = {
  apiKey: "abcd1234",
  apiSecret: "a-secret-of-the-local-vonage",
  from: "+13105550100",
  signatureSecret: "a-signature-secret-of-the-local-vonage",
} as const;

/** Fields of an SMS. @see Messages API, OpenAPI 1.20.0 (2026-10-08): `OutboundSMSText` and what it is made of */
const FIELDS = new Set([
  ...["message_type", "channel", "to", "from", "text", "ttl", "client_ref", "webhook_url", "webhook_version", "sms"],
  ...["trusted_sender", "trusted_recipient", "failover"],
]);

/** The titles and numbers of refusals. @see OpenAPI 1.20.0 (2026-10-08): the examples of `Error…` */
const TITLES: Readonly<Record<string, readonly [title: string, number: number]>> = {
  1020: ["Invalid params", 1150],
  1400: ["Unsupported channel", 1100],
  1410: ["Invalid channel parameters", 1110],
  1420: ["Invalid sender", 1120],
  1430: ["Invalid recipient", 110],
  1440: ["Invalid message type", 1140],
  1450: ["Invalid client reference", 1060],
};

const page = "https://developer.vonage.com/api-errors";

/** A problem of RFC 7807. */
function problem(code: string | number, status = 422): Answer {
  const [title, number] = TITLES[code] ?? ["Refused on demand", code];
  const isNumber = /^\d+$/.test(String(code));
  const type = isNumber ? `${page}/messages#${number}` : `${page}#${String(code).replaceAll("_", "-")}`;
  return { status, body: { type, title, detail: "Refused on demand", instance: "bf0ca0bf927b3b52e3cb03217e1a1ddf" } };
}

const refuse = (code: string | number, status?: number): Verdict => ({
  taken: false,
  outcome: String(code),
  answer: problem(code, status),
});

function judge(heard: Heard): Verdict {
  if (!isAuthorized(heard)) {
    const answer = { ...problem("unathorized", 401) };
    return { taken: false, outcome: "unauthorized", answer };
  }
  if (heard.headers["content-type"] !== "application/json") return refuse("content_type_header", 415);
  let fields: Readonly<Record<string, unknown>>;
  try {
    fields = JSON.parse(heard.body);
  } catch {
    return refuse("invalid_json", 422);
  }
  return judgeFields(fields);
}

function judgeFields(fields: Readonly<Record<string, unknown>>): Verdict {
  const { to, from, text, ttl, channel, message_type, webhook_url, webhook_version, client_ref } = fields;
  const isUrl = webhook_url === undefined || (typeof webhook_url === "string" && /^https?:\/\//.test(webhook_url));
  const isTtl = ttl === undefined || (Number.isInteger(ttl) && Number(ttl) >= 20 && Number(ttl) <= 604_800);
  if (channel !== "sms") return refuse(1400);
  if (message_type !== "text") return refuse(1440);
  if (typeof to !== "string" || !/^[1-9]\d{6,14}$/.test(to)) return refuse(1430);
  if (from !== VONAGE_ACCOUNT.from.slice(1)) return refuse(1420);
  if (typeof client_ref !== "string" || client_ref.length > 100) return refuse(1450);
  if (typeof text !== "string" || text === "" || text.length > 3_200 || !isUrl || !isTtl) return refuse(1020);
  if (![undefined, "v1"].includes(webhook_version as undefined)) return refuse(1020);
  if (Object.keys(fields).some((name) => !FIELDS.has(name))) return refuse(1020);
  return { taken: true, to: `+${to}`, text, receiptUrl: webhook_url as string | undefined };
}

const isAuthorized = ({ headers }: Heard): boolean =>
  headers.authorization === `Basic ${btoa(`${VONAGE_ACCOUNT.apiKey}:${VONAGE_ACCOUNT.apiSecret}`)}`;

/** A local Vonage. @see https://developer.vonage.com/en/api/messages */
export const startVonage = (): Promise<Vendor> =>
  startVendor({
    isSend: ({ method, url }) => method === "POST" && url.pathname === "/v1/messages",
    judge,
    newId: randomUUID,
    accepted: (id) => ({ status: 202, body: { message_uuid: id } }),
    refused: problem,
    other: (heard) => {
      if (!isAuthorized(heard)) return problem("unathorized", 401);
      if (heard.url.pathname !== "/account/get-balance") return problem("not_found", 404);
      return { status: 200, body: { value: 10.28, autoReload: false } };
    },
  });

export interface StatusForgery {
  readonly secret?: string;
  readonly algorithm?: "HS256" | "HS384" | "HS512";
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Null for none. */
  readonly authorization?: string | null;
  /** Posted in place of what was signed. */
  readonly body?: string;
}

/** The callback of a status, signed as the vendor signs it. */
export async function vonageCallback(
  fields: Readonly<Record<string, unknown>>,
  forgery: StatusForgery = {},
): Promise<Callback> {
  const body = JSON.stringify({
    ...{ message_uuid: randomUUID(), to: "573001234567", from: "13105550100", channel: "sms" },
    ...{ timestamp: "2026-10-08T12:14:25Z", status: "delivered" },
    ...fields,
  });
  const claims = {
    api_key: VONAGE_ACCOUNT.apiKey,
    payload_hash: createHash("sha256").update(body).digest("hex"),
    ...forgery.claims,
  };
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: forgery.algorithm ?? "HS256", typ: "JWT" })
    .setIssuedAt()
    .setIssuer("Vonage")
    .sign(new TextEncoder().encode(forgery.secret ?? VONAGE_ACCOUNT.signatureSecret));
  const authorization = forgery.authorization === undefined ? `Bearer ${token}` : forgery.authorization;
  return {
    url: "https://sms.example.com/receipts/vonage/msg_1/1.x.y",
    headers: { "content-type": "application/json", ...(authorization === null ? {} : { authorization }) },
    body: forgery.body ?? body,
  };
}
