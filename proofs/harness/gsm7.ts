/** The default alphabet of 3GPP TS 23.038, 6.2.1, and its extension table, 6.2.1.1, written down again to judge by. */
const BASIC =
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const EXTENSION = "\f^{}\\[~]|€";

/**
 * Counts the septets of a text.
 *
 * @returns null when a character is outside GSM-7
 */
export function septets(text: string): number | null {
  let count = 0;
  for (const character of text) {
    if (BASIC.includes(character)) count += 1;
    else if (EXTENSION.includes(character)) count += 2;
    else return null;
  }
  return count;
}

/** What fits in one SMS. */
export const ONE_SEGMENT = 160;
