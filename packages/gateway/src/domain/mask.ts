import { parsePhoneNumberFromString } from "libphonenumber-js/max";
import type { Address } from "./verification.ts";

const HIDDEN = "***";
const TAIL_DIGITS = 4;
const MAX_HEAD_DIGITS = 3;
const MIN_HIDDEN_DIGITS = 3;

/** Calling code and national digits, or null for what is no number at all. */
function split(e164: string): { readonly prefix: string; readonly national: string } | null {
  const parsed = parsePhoneNumberFromString(e164, { extract: false });
  if (parsed === undefined || parsed.nationalNumber.length < TAIL_DIGITS + MIN_HIDDEN_DIGITS) return null;
  return { prefix: `+${parsed.countryCallingCode}`, national: parsed.nationalNumber };
}

/** Shows a number to the person who typed it: `+57 300 *** 4567`. At least three digits stay hidden. */
export function maskPhone(e164: string): string {
  const parts = split(e164);
  if (parts === null) return HIDDEN;
  const { prefix, national } = parts;
  const head = national.slice(0, Math.min(MAX_HEAD_DIGITS, national.length - TAIL_DIGITS - MIN_HIDDEN_DIGITS));
  return [prefix, head, HIDDEN, national.slice(-TAIL_DIGITS)].filter((part) => part !== "").join(" ");
}

/** Writes a number for a log: `+57******4567`. */
export function maskForLog(e164: string): string {
  const parts = split(e164);
  if (parts === null) return HIDDEN;
  const { prefix, national } = parts;
  return `${prefix}${"*".repeat(national.length - TAIL_DIGITS)}${national.slice(-TAIL_DIGITS)}`;
}

/** Shows an e-mail by its first letter and its domain: `a***@x.co`. A local part of one letter is hidden whole. */
export function maskEmail(email: string): string {
  const at = email.lastIndexOf("@");
  if (at < 1) return HIDDEN;
  return `${at > 1 ? email.charAt(0) : ""}${HIDDEN}${email.slice(at)}`;
}

export const maskAddress = (address: Address): string =>
  address.kind === "phone" ? maskPhone(address.value) : maskEmail(address.value);
