import { AppError } from "./app-error.ts";

const MAX_LENGTH = 254;
const MAX_LOCAL_LENGTH = 64;
/** Dot-atom: no quotes, comments, spaces or controls. */
const LOCAL = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/i;
/** What may stand in a domain before it is turned to ASCII: nothing that a URL reads as port, path or escape. */
const TYPED_DOMAIN = /^[\p{L}\p{M}\p{N}.-]+$/u;
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{0,58}[a-z0-9])$/;

/** Applies UTS #46; a URL's host is where the platform has it. */
function toAsciiDomain(domain: string): string | null {
  const url = TYPED_DOMAIN.test(domain) ? URL.parse(`http://${domain}`) : null;
  return url !== null && DOMAIN.test(url.hostname) ? url.hostname : null;
}

/**
 * Reads an e-mail address and writes it in its one canonical form: trimmed, domain in ASCII (punycode), lower case.
 *
 * The part before the `@` is ASCII: few servers take more, and an accent there is nearly always a slip of the finger.
 *
 * @returns null when it is none
 * @see RFC 5321, 4.5.3.1 (64 and 254 octets); RFC 5322, 3.2.3 (dot-atom); RFC 5891 (domains)
 */
export function readEmail(text: string): string | null {
  const trimmed = text.length > 2 * MAX_LENGTH || /\p{Cc}/u.test(text) ? "" : text.trim().normalize("NFC");
  const at = trimmed.lastIndexOf("@");
  const local = trimmed.slice(0, Math.max(at, 0));
  const domain = toAsciiDomain(trimmed.slice(at + 1));
  if (domain === null || local.length > MAX_LOCAL_LENGTH || !LOCAL.test(local)) return null;
  const canonical = `${local.toLowerCase()}@${domain}`;
  return canonical.length > MAX_LENGTH ? null : canonical;
}

/**
 * Reads an e-mail address or refuses it.
 *
 * @throws {AppError} `email_invalid`
 */
export function parseEmail(text: string): string {
  const email = readEmail(text);
  if (email === null) throw new AppError("email_invalid");
  return email;
}
