import type { IncomingMessage, ServerResponse } from "node:http";
import type { Call, CarrierAccount, Refusal } from "./rules.ts";

export async function readCall(request: IncomingMessage): Promise<Call> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const { pathname } = new URL(request.url ?? "/", "http://carrier");
  return {
    method: request.method ?? "",
    path: pathname,
    authorization: request.headers.authorization,
    contentType: request.headers["content-type"],
    body: Buffer.concat(chunks).toString("utf8"),
  };
}

export function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}

export function refuse(response: ServerResponse, { status, code, message }: Refusal): void {
  answer(response, status, { code, message, more_info: `https://www.twilio.com/docs/errors/${code}`, status });
}

/** The resource as the vendor writes it: dates of RFC 2822, numbers as text. */
export function toMessage(sid: string, params: URLSearchParams, { accountSid }: CarrierAccount) {
  const date = new Date().toUTCString().replace("GMT", "+0000");
  const service = params.get("MessagingServiceSid");
  const uri = `/2010-04-01/Accounts/${accountSid}/Messages/${sid}`;
  return {
    account_sid: accountSid,
    api_version: "2010-04-01",
    body: params.get("Body"),
    date_created: date,
    date_sent: null,
    date_updated: date,
    direction: "outbound-api",
    error_code: null,
    error_message: null,
    from: params.get("From"),
    messaging_service_sid: service,
    num_media: "0",
    num_segments: service === null ? "1" : "0",
    price: null,
    price_unit: null,
    sid,
    status: service === null ? "queued" : "accepted",
    subresource_uris: { media: `${uri}/Media.json` },
    to: params.get("To"),
    uri: `${uri}.json`,
  };
}
