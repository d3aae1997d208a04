import { z } from "zod";
import type { Exchange } from "../wire/exchange.ts";
import { readJson, toVendorCode } from "../wire/reading.ts";
import { VONAGE_ERRORS } from "./error-catalogue.ts";

/** @see OpenAPI 1.20.0 (2026-10-08): `ErrorResponse`, RFC 7807 */
const Problem = z.object({ type: z.string(), title: z.string() });

/**
 * Codes by the title of a refusal. An answer to a send numbers its errors differently than a status does ("Invalid
 * sender" is `#1120` there and 1420 in the list), so the title is what tells them.
 *
 * @see OpenAPI 1.20.0 (2026-10-08): the titles in `ErrorChannel…`, `ErrorSender`, `ErrorRecipient`, `ErrorMessage…`,
 *   `ErrorClientReference`; https://github.com/Vonage/vonage-curl-code-snippets/issues/131 (2024-05, an answer as it came)
 * @see https://developer.vonage.com/en/api-errors/messages (2026-10-08): the codes of the same titles
 */
const CODE_BY_TITLE: ReadonlyMap<string, string> = new Map([
  ["invalid params", "1020"],
  ["unsupported channel", "1400"],
  ["invalid channel parameters", "1410"],
  ["invalid sender", "1420"],
  ["invalid recipient", "1430"],
  ["invalid message type", "1440"],
  ["invalid client reference", "1450"],
]);

/**
 * Codes by status, where the answer names none that we know: its example of a 401 is spelled `#unathorized`.
 *
 * @see OpenAPI 1.20.0 (2026-10-08): responses 401 and 402; https://developer.vonage.com/en/api-errors (2026-10-08)
 */
const CODE_BY_STATUS: ReadonlyMap<number, string> = new Map([
  [401, "unauthorized"],
  [402, "low_balance"],
]);

/** The code of a refusal; undefined when the body is none of the vendor's. */
export function vendorCodeOf(exchange: Exchange): string | undefined {
  if (!exchange.answered) return undefined;
  const problem = readJson(Problem, exchange.body);
  if (problem === undefined) return undefined;
  const named = CODE_BY_TITLE.get(problem.title.toLowerCase()) ?? toVendorCode(problem.type.split("#")[1]);
  if (named !== undefined && VONAGE_ERRORS.has(named)) return named;
  return CODE_BY_STATUS.get(exchange.status) ?? named;
}
