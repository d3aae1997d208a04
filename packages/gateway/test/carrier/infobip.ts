import { randomUUID } from "node:crypto";
import { sealOf } from "../../src/adapters/providers/infobip/receipts.ts";
import type { Callback } from "../../src/ports/provider.ts";
import { type Answer, type Heard, startVendor, type Vendor, type Verdict } from "./vendor.ts";

export const INFOBIP_ACCOUNT = { apiKey: "a-key-of-the-local-infobip", from: "+13105550100" } as const;

/** @see OpenAPI 3.210.0 (2026-07-23): the example of a 400 of `POST /sms/3/messages` */
const apiError = (status: number): Answer => ({
  status,
  body: { errorCode: `E${status}`, description: "Refused on demand", action: "-", violations: [], resources: [] },
});

const STATUS_BY_REFUSAL: Readonly<Record<string, number>> = {
  ...{ bad_request: 400, unauthorized: 401, forbidden: 403, too_many_requests: 429, throttled: 429 },
};

/** Groups of statuses. @see the vendor's page of status codes (2026-07-25) */
const groupOf = (id: number): string => {
  if ([4, 9, 31].includes(id)) return "UNDELIVERABLE";
  return [15, 29].includes(id) ? "EXPIRED" : "REJECTED";
};

const accepted = (id: string, status: object): Answer => ({
  status: 200,
  body: { bulkId: "2034072219640523072", messages: [{ messageId: id, status, destination: "573001234567" }] },
});

const refuse = (status: number): Verdict => ({ taken: false, outcome: String(status), answer: apiError(status) });

const isAuthorized = ({ headers }: Heard): boolean => headers.authorization === `App ${INFOBIP_ACCOUNT.apiKey}`;

function judge(heard: Heard): Verdict {
  if (!isAuthorized(heard)) return refuse(401);
  if (heard.headers["content-type"] !== "application/json") return refuse(400);
  const body = JSON.parse(heard.body) as { readonly messages?: readonly Readonly<Record<string, unknown>>[] };
  const [message] = body.messages ?? [];
  if (message === undefined || body.messages?.length !== 1) return refuse(400);
  const { sender, destinations, content, options, webhooks } = message as {
    readonly sender?: unknown;
    readonly destinations?: readonly { readonly to?: unknown }[];
    readonly content?: { readonly text?: unknown };
    readonly options?: { readonly validityPeriod?: { readonly amount?: unknown; readonly timeUnit?: unknown } };
    readonly webhooks?: { readonly delivery?: { readonly url?: unknown }; readonly callbackData?: unknown };
  };
  const to = destinations?.[0]?.to;
  const { amount, timeUnit } = options?.validityPeriod ?? {};
  const url = webhooks?.delivery?.url;
  if (typeof to !== "string" || !/^[1-9]\d{6,14}$/.test(to) || destinations?.length !== 1) return refuse(400);
  if (sender !== INFOBIP_ACCOUNT.from.slice(1) || typeof content?.text !== "string" || content.text === "") {
    return refuse(400);
  }
  if (!Number.isInteger(amount) || !["SECONDS", "MINUTES", "HOURS"].includes(String(timeUnit))) return refuse(400);
  if (url !== undefined && !/^https?:\/\/\S+$/.test(String(url))) return refuse(400);
  if (webhooks !== undefined && !(typeof webhooks.callbackData === "string" && webhooks.callbackData.length <= 4_000)) {
    return refuse(400);
  }
  return { taken: true, to: `+${to}`, text: content.text, receiptUrl: url as string | undefined };
}

/** A local Infobip. @see https://www.infobip.com/docs/api/channels/sms/outbound-sms/send-sms-messages */
export const startInfobip = (): Promise<Vendor> =>
  startVendor({
    isSend: ({ method, url }) => method === "POST" && url.pathname === "/sms/3/messages",
    judge,
    newId: randomUUID,
    accepted: (id) => accepted(id, { groupId: 1, groupName: "PENDING", id: 26, name: "PENDING_ACCEPTED" }),
    // A status is given with the message and 200; anything else by the API.
    refused: (code, status) => {
      const id = /^status_(\d+)$/.exec(String(code))?.[1];
      if (id === undefined) return apiError(status ?? STATUS_BY_REFUSAL[code] ?? 400);
      return accepted(randomUUID(), { groupName: groupOf(Number(id)), id: Number(id), name: "-" });
    },
    other: (heard) => {
      if (!isAuthorized(heard)) return apiError(401);
      if (heard.url.pathname !== "/account/1/balance") return apiError(404);
      return { status: 200, body: { balance: 47.79, currency: "EUR" } };
    },
  });

export const RECEIPT_URL = "https://sms.example.com/receipts/infobip/msg_1/1.x.y";

/** The callback of a report. */
export function infobipCallback(
  result: Readonly<Record<string, unknown>>,
  { url = RECEIPT_URL, others = [] }: { readonly url?: string; readonly others?: readonly object[] } = {},
): Callback {
  const report = {
    ...{ messageId: "2250be2d-4219-3af1", to: "573001234567", sender: "13105550100", messageCount: 1 },
    callbackData: sealOf(RECEIPT_URL, INFOBIP_ACCOUNT.apiKey),
    status: { groupId: 3, groupName: "DELIVERED", id: 5, name: "DELIVERED_TO_HANDSET" },
    error: { groupId: 0, groupName: "OK", id: 0, name: "NO_ERROR", permanent: false },
    ...result,
  };
  return {
    url,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ results: [...others, report] }),
  };
}
