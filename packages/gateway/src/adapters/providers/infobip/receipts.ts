import { createHmac } from "node:crypto";
import { z } from "zod";
import type { Receipt } from "../../../domain/delivery.ts";
import type { Callback, Reported } from "../../../ports/provider.ts";
import { toUndelivered } from "../wire/catalogue.ts";
import { isSameText, readJson, readPrice } from "../wire/reading.ts";
import { INFOBIP_ERRORS } from "./error-catalogue.ts";
import { MessageStatus } from "./statuses.ts";

/**
 * What the vendor repeats in its report (`callbackData`). It signs no report whose address came with the message, so
 * this is what tells its own from others: nobody else has seen it, and it fits one address only.
 *
 * @see OpenAPI 3.210.0 (2026-07-23): `Webhooks.callbackData`
 */
export const sealOf = (receiptUrl: string, apiKey: string): string =>
  createHmac("sha256", apiKey).update(`receipt ${receiptUrl}`).digest("base64url");

/**
 * @see OpenAPI 3.210.0 (2026-07-23): `MessageStatus`, `MessageError`, `MessagePrice`; the fields of a report are in the
 *   vendor's own clients, `SmsDeliveryReport` of infobip/infobip-api-python-client (2026-10)
 */
const Report = z.object({
  results: z
    .array(
      z.object({
        messageId: z.string(),
        callbackData: z.string().optional(),
        status: MessageStatus,
        error: z.object({ id: z.int() }).optional(),
        price: z.object({ pricePerMessage: z.unknown(), currency: z.unknown() }).partial().optional(),
      }),
    )
    .min(1),
});

type Result = z.output<typeof Report>["results"][number];

/**
 * `DELIVERED_TO_OPERATOR`, which stands among the delivered and is not the end.
 *
 * @see https://www.infobip.com/docs/developer-resources/api-fundamentals/message-status-codes (2026-10)
 */
const DELIVERED_TO_OPERATOR = 2;
/** `EXPIRED_DLR_UNKNOWN`: the operator said nothing, so the message may have arrived. @see the same page */
const REPORT_NEVER_CAME = 29;

/** `NO_ERROR`. @see https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes (2026-07) */
const NO_ERROR = 0;

function toReceipt({ status, error }: Result): Receipt | null {
  switch (status.groupName) {
    case "DELIVERED":
      return { state: status.id === DELIVERED_TO_OPERATOR ? "sent" : "delivered" };
    case "UNDELIVERABLE":
    case "EXPIRED":
    case "REJECTED": {
      if (status.id === REPORT_NEVER_CAME) return null;
      const isSaid = error !== undefined && error.id !== NO_ERROR;
      return toUndelivered(INFOBIP_ERRORS, isSaid ? `error_${error.id}` : `status_${status.id}`);
    }
    default:
      return null;
  }
}

/**
 * Reads a delivery report; one may hold several results, and those of this address carry its seal.
 *
 * @see https://www.infobip.com/docs/api/channels/sms/logs-and-status-reports/receive-outbound-sms-message-report-v3
 */
export function readReport({ url, body }: Callback, apiKey: string): Reported {
  const report = readJson(Report, body);
  if (report === undefined) return { kind: "malformed" };
  const [address = ""] = url.split("?");
  const seal = sealOf(address, apiKey);
  const result = report.results.findLast(({ callbackData = "" }) => isSameText(callbackData, seal));
  if (result === undefined) return { kind: "forged" };
  const receipt = toReceipt(result);
  if (receipt === null) return { kind: "nothing" };
  const price = readPrice(result.price?.pricePerMessage, result.price?.currency);
  const priced = price === undefined ? receipt : { ...receipt, price };
  return { kind: "receipt", providerMessageId: result.messageId, receipt: priced };
}
