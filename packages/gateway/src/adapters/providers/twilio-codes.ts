import type { RejectionCode } from "../../domain/delivery.ts";

/** What an error code of the vendor means to us. */
export type VendorMeaning =
  | { readonly outcome: "rejected"; readonly code: RejectionCode }
  | { readonly outcome: "throttled" };

const rejected = (code: RejectionCode): VendorMeaning => ({ outcome: "rejected", code });
const throttled: VendorMeaning = { outcome: "throttled" };

/**
 * The codes that `POST …/Messages.json` answers with, by our own meaning. What only the operator can mend (credentials,
 * sender, balance) is `delivery_failed`: it is not the person's number that is wrong, and trying again changes nothing.
 *
 * @see https://www.twilio.com/docs/api/errors
 */
export const TWILIO_CODES: ReadonlyMap<number, VendorMeaning> = new Map([
  [14107, throttled],
  [20003, rejected("delivery_failed")],
  [20404, rejected("delivery_failed")],
  [20429, throttled],
  [21211, rejected("phone_invalid")],
  [21212, rejected("delivery_failed")],
  [21214, rejected("number_unreachable")],
  [21408, rejected("country_not_allowed")],
  [21602, rejected("delivery_failed")],
  [21603, rejected("delivery_failed")],
  [21606, rejected("delivery_failed")],
  [21608, rejected("delivery_failed")],
  [21610, rejected("opted_out")],
  [21611, throttled],
  [21612, rejected("number_unreachable")],
  [21614, rejected("phone_landline")],
  [21617, rejected("delivery_failed")],
  [21703, rejected("delivery_failed")],
  [21704, rejected("delivery_failed")],
  [21705, rejected("delivery_failed")],
  [63007, rejected("delivery_failed")],
  [63038, throttled],
]);
