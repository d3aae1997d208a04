import type { Callback, InboundReported } from "../../../ports/provider.ts";
import { readSignedRequest, type SigningAccount } from "./signed-request.ts";

const E164 = /^\+[1-9]\d{6,14}$/;

/**
 * Reads a message that somebody wrote to one of our numbers.
 *
 * @see https://www.twilio.com/docs/messaging/guides/webhook-request (2026-01: From, Body)
 */
export async function readInboundMessage(callback: Callback, account: SigningAccount): Promise<InboundReported> {
  const form = await readSignedRequest(callback, account);
  if (form === null) return { kind: "forged" };
  const { From: sender, Body: text } = form;
  if (typeof sender !== "string" || typeof text !== "string") return { kind: "malformed" };
  const from = sender.replace(/^whatsapp:/, "");
  return E164.test(from) ? { kind: "message", from, text } : { kind: "nothing" };
}
