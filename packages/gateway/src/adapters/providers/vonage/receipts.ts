import { createHash } from "node:crypto";
import { jwtVerify } from "jose";
import { z } from "zod";
import type { Receipt } from "../../../domain/delivery.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Callback, Reported } from "../../../ports/provider.ts";
import { toUndelivered } from "../wire/catalogue.ts";
import { firstOf, isSameText, readJson, readPrice, toVendorCode } from "../wire/reading.ts";
import { VONAGE_ERRORS } from "./error-catalogue.ts";

/** Who may post to us. */
export interface ReceiptAccount {
  readonly apiKey: string;
  readonly signatureSecret: string | undefined;
  readonly clock: Clock;
}

/** @see https://developer.vonage.com/en/messages/concepts/signed-webhooks (2026-10): `api_key` and `payload_hash` */
const Claims = z.object({ api_key: z.string(), payload_hash: z.string() });

/** @see OpenAPI 1.20.0 (2026-10-08): `messageStatusBase`, `messageStatusError`, `messageStatusUsage` */
const Status = z.object({
  message_uuid: z.guid(),
  channel: z.literal("sms"),
  status: z.string(),
  error: z.object({ type: z.string().optional(), title: z.union([z.string(), z.number()]).optional() }).optional(),
  usage: z.object({ price: z.unknown(), currency: z.unknown() }).partial().optional(),
});

/** @see OpenAPI 1.20.0 (2026-10-08): `messageStatusBase.status` */
const STATES: Readonly<Record<string, Receipt["state"]>> = {
  submitted: "sent",
  delivered: "delivered",
  rejected: "undelivered",
  undeliverable: "undelivered",
};

/**
 * Tells whether a request is the vendor's, and about our account: a token by our secret, and over these very bytes.
 *
 * @see https://developer.vonage.com/en/messages/concepts/signed-webhooks (2026-10): "SHA-256 is always used"
 */
async function isGenuine(callback: Callback, { apiKey, signatureSecret, clock }: ReceiptAccount): Promise<boolean> {
  const token = /^Bearer (\S+)$/i.exec(firstOf(callback.headers["authorization"]) ?? "")?.[1];
  if (token === undefined || signatureSecret === undefined) return false;
  try {
    const key = new TextEncoder().encode(signatureSecret);
    const { payload } = await jwtVerify(token, key, { algorithms: ["HS256"], currentDate: new Date(clock.now()) });
    const claims = Claims.safeParse(payload).data;
    if (claims === undefined) return false;
    const hash = createHash("sha256").update(callback.body).digest("hex");
    return isSameText(claims.api_key, apiKey) && isSameText(claims.payload_hash.toLowerCase(), hash);
  } catch {
    return false;
  }
}

/** The title of a status' error is its code. */
const codeOf = ({ error }: z.output<typeof Status>): string | null =>
  [error?.title, error?.type?.split("#")[1]].map(toVendorCode).find((code) => /^\d+$/.test(code ?? "")) ?? null;

/**
 * Reads what the vendor posts when the status of a message changes; in any order, and more than once.
 *
 * @see https://developer.vonage.com/en/api/messages#message-status
 */
export async function readStatus(callback: Callback, account: ReceiptAccount): Promise<Reported> {
  if (!(await isGenuine(callback, account))) return { kind: "forged" };
  const status = readJson(Status, callback.body);
  if (status === undefined) return { kind: "malformed" };
  const state = STATES[status.status];
  if (state === undefined) return { kind: "nothing" };
  const price = readPrice(status.usage?.price, status.usage?.currency);
  const receipt: Receipt = {
    ...(state === "undelivered" ? toUndelivered(VONAGE_ERRORS, codeOf(status)) : { state }),
    ...(price === undefined ? {} : { price }),
  };
  return { kind: "receipt", providerMessageId: status.message_uuid, receipt };
}
