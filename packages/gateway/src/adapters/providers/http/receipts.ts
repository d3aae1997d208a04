import { createHmac } from "node:crypto";
import type { Receipt } from "../../../domain/delivery.ts";
import type { ErrorCatalogue } from "../../../domain/vendor-error.ts";
import type { Callback, Reported } from "../../../ports/provider.ts";
import { toUndelivered } from "../wire/catalogue.ts";
import { firstOf, isSameText, readPrice, toVendorCode } from "../wire/reading.ts";
import type { HttpDefinition } from "./definition.ts";
import { parseJson, textAt } from "./template.ts";

type ReceiptDefinition = NonNullable<HttpDefinition["receipts"]>;

/** Tells whether a request carries the secret, or a signature over its body by it. */
function isGenuine({ headers, body }: Callback, { header, hmac }: ReceiptDefinition): boolean {
  const given = firstOf(headers[(header?.name ?? hmac?.name ?? "").toLowerCase()]);
  if (given === undefined) return false;
  if (header !== undefined) return isSameText(given, header.secret);
  if (hmac === undefined) return false;
  const signature = createHmac("sha256", hmac.secret).update(body, "utf8").digest(hmac.encoding);
  // Some write the hexadecimal digits of a signature in capitals.
  const written =
    hmac.encoding === "hex" ? given.slice(hmac.prefix.length).toLowerCase() : given.slice(hmac.prefix.length);
  return given.startsWith(hmac.prefix) && isSameText(written, signature);
}

/** Reads a receipt as the file says. */
export function readHttpReceipt(callback: Callback, definition: ReceiptDefinition, errors: ErrorCatalogue): Reported {
  if (!isGenuine(callback, definition)) return { kind: "forged" };
  const { format, states, messageId, errorCode, price } = definition;
  const body = format === "json" ? parseJson(callback.body) : Object.fromEntries(new URLSearchParams(callback.body));
  const given = textAt(body, definition.state);
  if (given === undefined) return { kind: "malformed" };
  const state = Object.hasOwn(states, given) ? states[given] : undefined;
  if (state === undefined) return { kind: "nothing" };
  const vendorCode = errorCode === undefined ? undefined : toVendorCode(textAt(body, errorCode));
  const cost = price === undefined ? undefined : readPrice(textAt(body, price.amount), price.currency);
  const receipt: Receipt = {
    ...(state === "undelivered" ? toUndelivered(errors, vendorCode ?? null) : { state }),
    ...(cost === undefined ? {} : { price: cost }),
  };
  const providerMessageId = messageId === undefined ? null : (textAt(body, messageId) ?? null);
  return { kind: "receipt", providerMessageId, receipt };
}
