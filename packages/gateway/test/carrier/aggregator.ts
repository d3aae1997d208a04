import { createHmac, randomBytes } from "node:crypto";
import type { Callback } from "../../src/ports/provider.ts";
import { type Answer, type Heard, startVendor, type Vendor, type Verdict } from "./vendor.ts";

/** The account at an aggregator that exists nowhere but here. */
export const AGGREGATOR = {
  token: "a-token-of-the-local-aggregator",
  user: "mestore",
  password: "a-password-of-the-local-aggregator",
  from: "89055",
  receiptSecret: "a-receipt-secret-of-the-local-aggregator",
} as const;

/** The aggregator's refusals: with the JSON API 200 and words, with the older one 200 and a line of text. */
const refused = (code: string | number, status = 200): Answer => ({
  status,
  body: { result: "ERROR", error: { code: String(code), message: "Rechazado" } },
});

const refuse = (code: string, answer: Answer = refused(code, 400)): Verdict => ({
  taken: false,
  outcome: code,
  answer,
});

const isNumber = (to: unknown): to is string => typeof to === "string" && /^573\d{9}$/.test(to);

/** `POST /v1/sms`: JSON, a bearer token, an object in an object. */
function judgeJson({ headers, body }: Heard): Verdict {
  if (headers.authorization !== `Bearer ${AGGREGATOR.token}`) return refuse("E401", refused("E401", 401));
  if (headers["content-type"] !== "application/json") return refuse("E415", refused("E415", 415));
  const { sms, urgent } = JSON.parse(body) as Readonly<Record<string, unknown>>;
  const { number, sender, message, reference, callback } = (sms ?? {}) as Readonly<Record<string, unknown>>;
  if (urgent !== true || sender !== AGGREGATOR.from || typeof reference !== "string") return refuse("E10");
  if (!isNumber(number)) return refuse("E12");
  if (typeof message !== "string" || message === "") return refuse("E13");
  if (callback !== undefined && !/^https?:\/\/\S+$/.test(String(callback))) return refuse("E14");
  return { taken: true, to: `+${number}`, text: message, receiptUrl: callback as string | undefined };
}

/** `POST /http/send`: a form in UTF-8 that carries its credentials, answered with a line of text. */
function judgeForm({ headers, body }: Heard): Verdict {
  const form = new URLSearchParams(body);
  const line = (code: string) => refuse(code, { status: 200, body: `ERR:${code}` });
  if (headers["content-type"] !== "application/x-www-form-urlencoded") return line("415");
  if (form.get("user") !== AGGREGATOR.user || form.get("password") !== AGGREGATOR.password) return line("401");
  const [to, text] = [form.get("to"), form.get("text")];
  if (!isNumber(to)) return line("12");
  if (text === null || text === "") return line("13");
  return { taken: true, to: `+${to}`, text };
}

/** `GET /http/send?…`: everything in the address. */
function judgeQuery({ url }: Heard): Verdict {
  const [to, text] = [url.searchParams.get("to"), url.searchParams.get("text")];
  if (!isNumber(to) || text === null || text === "") return refuse("12", { status: 200, body: "ERR:12" });
  return { taken: true, to: `+${to}`, text };
}

/** A local aggregator with the three manners that are seen: JSON, a form, and everything in the address. */
export const startAggregator = (): Promise<Vendor> =>
  startVendor({
    isSend: ({ url }) => url.pathname === "/v1/sms" || url.pathname === "/http/send",
    judge: (heard) => {
      if (heard.url.pathname === "/v1/sms") return judgeJson(heard);
      return heard.method === "GET" ? judgeQuery(heard) : judgeForm(heard);
    },
    newId: () => `AND-${randomBytes(6).toString("hex")}`,
    accepted: (id, { url }) =>
      url.pathname === "/v1/sms"
        ? { status: 200, body: { result: "OK", data: { messages: id === "%%%" ? [] : [{ id }] } } }
        : { status: 200, body: `ID:${id}\n` },
    refused,
    other: ({ url, headers }) => {
      const isKnown = url.pathname === "/v1/account" && headers.authorization === `Bearer ${AGGREGATOR.token}`;
      return isKnown ? { status: 200, body: { active: true } } : refused("E401", 401);
    },
  });

export interface ReceiptForgery {
  readonly secret?: string;
  /** In place of the signature; null for none. */
  readonly signature?: string | null;
  /** Posted in place of what was signed. */
  readonly body?: string;
}

/** A receipt of the JSON API, signed over its body. */
export function aggregatorCallback(fields: Readonly<Record<string, unknown>>, forgery: ReceiptForgery = {}): Callback {
  const body = JSON.stringify({ id: "AND-1", status: "ENTREGADO", ...fields });
  const secret = forgery.secret ?? AGGREGATOR.receiptSecret;
  const hmac = `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
  const signature = forgery.signature === undefined ? hmac : forgery.signature;
  return {
    url: "https://sms.example.com/receipts/http/msg_1/1.x.y",
    headers: { "content-type": "application/json", ...(signature === null ? {} : { "x-andina-signature": signature }) },
    body: forgery.body ?? body,
  };
}
