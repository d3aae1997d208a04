import { type NumberType, parsePhoneNumberFromString } from "libphonenumber-js/max";
import { AppError } from "./app-error.ts";

/** A number that may receive an SMS. */
export interface Phone {
  /** The only spelling that keys anything: `+573001234567`. */
  readonly e164: string;
  /** Two letters, ISO 3166-1. Countries that share a calling code (+1, +44) stay apart. */
  readonly country: string;
  /** Some plans (US, MX, DO) do not tell a mobile from a landline. */
  readonly kind: "mobile" | "fixed_or_mobile";
}

export interface PhoneOptions {
  /** Whose number it is when there is no `+`. */
  readonly defaultCountry: "CO";
  readonly allowedCountries: readonly string[];
}

/** Longest E.164 number, with room for the ways people group it. */
const MAX_TYPED_LENGTH = 32;
const TYPED = /^ *\+?[0-9 .()-]+$/;
const SEPARATORS = /[ .()-]/g;

const KINDS: Partial<Record<NonNullable<NumberType>, Phone["kind"]>> = {
  MOBILE: "mobile",
  FIXED_LINE_OR_MOBILE: "fixed_or_mobile",
};

/** Why a text is no number that we send to. */
export type PhoneRefusal = "phone_invalid" | "country_not_allowed" | "phone_landline";

/**
 * Reads a phone number as a person types it.
 *
 * Only ASCII digits, spaces and `+-.()` pass: the parser behind would take Unicode digits, direction marks and extensions
 * for good. Every digit typed must be in the result, so a trunk zero, `00` or a carrier's prefix is refused, not guessed
 * away; in Colombia `00` is followed by a carrier, never by a country.
 *
 * @see ITU-T E.164; https://github.com/google/libphonenumber (number types per country)
 */
export function readPhone(text: string, options: PhoneOptions): Phone | PhoneRefusal {
  if (text.length > MAX_TYPED_LENGTH || !TYPED.test(text)) return "phone_invalid";
  const typed = text.replace(SEPARATORS, "");
  const parsed = parsePhoneNumberFromString(typed, { defaultCountry: options.defaultCountry, extract: false });
  // A number of no type is not a valid one: with full metadata that is how the library itself decides.
  const type = parsed?.getType();
  if (parsed?.country === undefined || type === undefined) return "phone_invalid";
  const { number, countryCallingCode, country } = parsed;
  const isWhole = typed.startsWith("+")
    ? number === typed
    : country === options.defaultCountry && (number === `+${typed}` || number === `+${countryCallingCode}${typed}`);
  if (!isWhole) return "phone_invalid";
  if (!options.allowedCountries.includes(country)) return "country_not_allowed";
  if (type === "FIXED_LINE") return "phone_landline";
  const kind = KINDS[type];
  return kind === undefined ? "phone_invalid" : { e164: number, country, kind };
}

/**
 * Reads a phone number or refuses it.
 *
 * @throws {AppError} `phone_invalid`, `country_not_allowed`, `phone_landline`
 */
export function parsePhone(text: string, options: PhoneOptions): Phone {
  const phone = readPhone(text, options);
  if (typeof phone === "string") throw new AppError(phone);
  return phone;
}

/** The ten thousand numbers that a number is one of: fraud walks through them in a row. */
export const phoneBlock = (e164: string): string => e164.slice(0, -4);
