import type { SendResult } from "../../../domain/delivery.ts";
import type { ErrorCatalogue, VendorError } from "../../../domain/vendor-error.ts";
import type { Exchange } from "./exchange.ts";
import { parseRetryAfterMs } from "./retry-after.ts";

/** What an error means that its vendor's catalogue does not list: final, so that nobody is asked again for nothing. */
export const UNLISTED: VendorError = {
  class: "unknown",
  retry: false,
  change: ["provider", "channel"],
  userError: "delivery_failed",
  operator: {
    es: "Error que esta versión no conoce: búsquelo en la documentación del proveedor",
    en: "An error that this version does not know: look it up in the vendor's documentation",
  },
};

/** An error that a vendor gave as its answer, so nothing was sent. */
export function toRefusal(catalogue: ErrorCatalogue, vendorCode: string): SendResult {
  const error = catalogue.get(vendorCode) ?? UNLISTED;
  if (error.class === "transient") return { outcome: "throttled", vendorCode };
  const change = error.change.length === 0 ? {} : { change: error.change };
  return { outcome: "rejected", code: error.userError, vendorCode, ...change };
}

export interface FailureOptions {
  readonly catalogue: ErrorCatalogue;
  /** The vendor's code in the body of the answer; undefined when there is none. */
  readonly vendorCode: string | undefined;
  readonly now: number;
}

/**
 * Reads a call that made no message that we know of.
 *
 * A 503 says that nobody took the request. After 500, 502 and 504 the message may exist: the one broke while working on
 * it, the others lost the answer of the machine behind. A redirect, or a refusal without a vendor's code, comes from
 * something in between: it made no message.
 *
 * @see RFC 9110, section 15
 */
export function toFailure(exchange: Exchange, { catalogue, vendorCode, now }: FailureOptions): SendResult {
  if (!exchange.answered) return { outcome: exchange.left ? "unknown" : "unavailable" };
  const { status, headers } = exchange;
  const code = vendorCode ?? String(status);
  if (status < 300) return { outcome: "unknown" };
  const isThrottled = vendorCode !== undefined && catalogue.get(vendorCode)?.class === "transient";
  if (status === 429 || isThrottled) {
    const retryAfterMs = parseRetryAfterMs(headers["retry-after"], now);
    return { outcome: "throttled", vendorCode: code, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  }
  if (status === 503) return { outcome: "unavailable", vendorCode: code };
  if (status >= 500 || status === 408) return { outcome: "unknown", vendorCode: code };
  return vendorCode === undefined ? { outcome: "unavailable", vendorCode: code } : toRefusal(catalogue, vendorCode);
}
