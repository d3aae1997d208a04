import type { Clock } from "../../../ports/clock.ts";
import type { Provider } from "../../../ports/provider.ts";
import { toRefusal } from "../wire/failure.ts";
import { WHATSAPP_ERRORS } from "./channel-errors.ts";
import { createTwilioClient, type TwilioAccount } from "./client.ts";
import { readMessageReceipt } from "./receipts.ts";
import { sendMessage } from "./send-message.ts";

export interface TwilioWhatsappSettings extends TwilioAccount {
  /** E.164, without `whatsapp:`. */
  readonly from: string;
  /** An approved template of the kind `whatsapp/authentication`, whose only variable is the code. */
  readonly contentSid: string;
  readonly clock: Clock;
}

const toAddress = (number: string): string => `whatsapp:${number}`;

/**
 * Codes by WhatsApp, through Twilio Messaging. A business writes first only with a template that WhatsApp has approved, and
 * the words of an authentication template are WhatsApp's own: of ours, the code alone goes out.
 *
 * @see https://www.twilio.com/docs/content/whatsappauthentication (read 2026-11: one variable, shorter than 15 characters)
 */
export function createTwilioWhatsapp(settings: TwilioWhatsappSettings): Provider {
  const { from, contentSid, clock } = settings;
  const client = createTwilioClient(settings);
  return {
    id: "twilio-whatsapp",
    channel: "whatsapp",
    simulated: false,
    send: async (message, signal) => {
      if (message.code === undefined) return toRefusal(WHATSAPP_ERRORS, "no_template");
      const result = await sendMessage(
        { client, clock, catalogue: WHATSAPP_ERRORS, message, signal },
        {
          from: toAddress(from),
          to: toAddress(message.to),
          contentSid,
          contentVariables: JSON.stringify({ "1": message.code }),
        },
      );
      return result.outcome === "accepted" ? { ...result, sender: from } : result;
    },
    readReceipt: (callback) => readMessageReceipt(callback, settings),
    explain: (vendorCode) => WHATSAPP_ERRORS.get(vendorCode) ?? null,
    check: client.checkAccount,
    close: client.close,
  };
}
