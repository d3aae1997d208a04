import { z } from "zod";
import type { Exchange } from "../wire/exchange.ts";
import { readJson } from "../wire/reading.ts";

/** @see OpenAPI 3.210.0 (2026-07-23): `MessageStatus`, `MessageGeneralStatus` */
export const MessageStatus = z.object({
  groupName: z.enum(["ACCEPTED", "PENDING", "UNDELIVERABLE", "DELIVERED", "EXPIRED", "REJECTED"]),
  id: z.int(),
});

/** An error body, in the newer shape and in the older. @see OpenAPI 3.210.0 (2026-07-23): `ApiError`, `ApiException` */
const Refusal = z.union([
  z.object({ errorCode: z.string() }),
  z.object({ requestError: z.object({ serviceException: z.object({ messageId: z.string() }) }) }),
]);

/**
 * What the statuses of a refusal mean; the bodies name them again in words.
 *
 * @see OpenAPI 3.210.0 (2026-07-23): responses of `POST /sms/3/messages`; 429 is in most of the vendor's other operations
 */
const CODE_BY_STATUS: ReadonlyMap<number, string> = new Map([
  [400, "bad_request"],
  [401, "unauthorized"],
  [403, "forbidden"],
  [429, "too_many_requests"],
]);

/** The code of a refusal; undefined when the body is none of the vendor's. */
export function vendorCodeOf(exchange: Exchange): string | undefined {
  if (!exchange.answered || readJson(Refusal, exchange.body) === undefined) return undefined;
  return CODE_BY_STATUS.get(exchange.status) ?? `http_${exchange.status}`;
}
