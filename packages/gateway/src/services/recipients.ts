import type { Channel } from "@mestore/sms-gateway-contract";
import { parseEmail } from "../domain/email.ts";
import { parsePhone } from "../domain/phone.ts";
import type { Address } from "../domain/verification.ts";

/** An address that a channel reaches. */
export interface Recipient {
  readonly address: Address;
  /** Two letters for a phone, null for an e-mail. */
  readonly country: string | null;
}

/**
 * Reads what a person typed for a channel.
 *
 * @throws {AppError} `phone_invalid`, `phone_landline`, `country_not_allowed`, `email_invalid`
 */
export type ReadRecipient = (channel: Channel, text: string) => Recipient;

export const createRecipients =
  (allowedCountries: readonly string[]): ReadRecipient =>
  (channel, text) => {
    if (channel === "email") return { address: { kind: "email", value: parseEmail(text) }, country: null };
    const { e164, country } = parsePhone(text, { defaultCountry: "CO", allowedCountries });
    return { address: { kind: "phone", value: e164 }, country };
  };
