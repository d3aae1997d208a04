import type { Change, Receipt, RejectionCode } from "../../../domain/delivery.ts";
import type { ErrorCatalogue, FailureClass, VendorError } from "../../../domain/vendor-error.ts";
import { UNLISTED } from "./failure.ts";

/** One error of a vendor, as a table writes it. What to change stands in the order in which it helps. */
export type ErrorRow = readonly [
  code: string | number,
  kind: FailureClass,
  userError: RejectionCode,
  change: readonly Change[],
  operator: VendorError["operator"],
];

/** What is transient may work a moment later, and nothing else does. */
export const toCatalogue = (rows: readonly ErrorRow[]): ErrorCatalogue =>
  new Map(
    rows.map(([code, kind, userError, change, operator]) => [
      String(code),
      { class: kind, retry: kind === "transient", userError, change, operator },
    ]),
  );

/** The receipt of a message that did not arrive. @param vendorCode null when the vendor does not say why */
export function toUndelivered(catalogue: ErrorCatalogue, vendorCode: string | null): Receipt {
  const error = vendorCode === null ? UNLISTED : (catalogue.get(vendorCode) ?? UNLISTED);
  return {
    ...{ state: "undelivered", code: error.userError },
    ...(vendorCode === null ? {} : { vendorCode }),
    ...(error.change.length === 0 ? {} : { change: error.change }),
  };
}
