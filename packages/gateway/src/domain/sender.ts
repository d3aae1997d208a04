/** A sender that people read as a name. */
const isAlphanumeric = (from: string): boolean => /[A-Za-z]/.test(from);

interface CountryRules {
  /** Numbers of the country itself as senders of SMS. */
  readonly hasDomesticLongCodes: boolean;
  readonly hasAlphanumeric: boolean;
  readonly callingCode: string;
}

/**
 * What kinds of senders exist for a destination; a country that is not listed takes them all, as far as we know.
 *
 * @see https://www.twilio.com/en-us/guidelines/co/sms (2026-01: no alphanumeric sender, no domestic long code)
 */
const RULES: Readonly<Record<string, CountryRules>> = {
  CO: { hasDomesticLongCodes: false, hasAlphanumeric: false, callingCode: "+57" },
};

/**
 * Why a sender cannot exist for the phones of a country, for an operator, in English; null when it may.
 *
 * @param from a number in E.164, a short code or an alphanumeric sender ID
 * @param country two letters; null where nobody knows
 */
export function senderProblem(from: string, country: string | null): string | null {
  const rules = country === null ? undefined : RULES[country];
  if (rules === undefined) return null;
  if (!rules.hasDomesticLongCodes && from.startsWith(rules.callingCode)) {
    return `${rules.callingCode} long codes do not exist as senders: ${country} has none for SMS`;
  }
  if (!rules.hasAlphanumeric && isAlphanumeric(from)) {
    return `${country} shows no alphanumeric sender: the message is lost or rewritten`;
  }
  return null;
}
