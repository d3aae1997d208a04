import type { Locale } from "@mestore/sms-gateway-contract/errors";
import type { Change, RejectionCode } from "./delivery.ts";

/**
 * What kind of failure a vendor's error is; behaviour hangs on this, and never on a vendor's own number, which it may
 * change.
 *
 * `number` the person's number cannot take it · `config` only the operator can mend it · `blocked` somebody decided
 * against it: the person, the carrier, a fraud guard · `transient` later it may work · `unknown` nobody says
 */
export type FailureClass = "number" | "config" | "blocked" | "transient" | "unknown";

/** One error of a vendor in our words. */
export interface VendorError {
  readonly class: FailureClass;
  /** The same call may work a moment later. */
  readonly retry: boolean;
  /** What to change, in this order; nothing helps when it is empty. */
  readonly change: readonly Change[];
  /** Whose text the person reads. */
  readonly userError: RejectionCode;
  /** What the operator reads: what happened, and what to do. */
  readonly operator: Readonly<Record<Locale, string>>;
}

/** Errors by the code that the vendor gives them. */
export type ErrorCatalogue = ReadonlyMap<string, VendorError>;
