const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const TIME_CHARS = 10;
export const ID_RANDOM_BYTES = 16;

/**
 * Makes an id that sorts by time: prefix, 48 bits of milliseconds, 80 random bits, in Crockford's base 32.
 *
 * @param random `ID_RANDOM_BYTES` random bytes, 5 bits of each are used
 * @see https://github.com/ulid/spec
 */
export function toId(prefix: "ver" | "msg" | "key" | "inb" | "whk" | "whd", now: number, random: Uint8Array): string {
  let time = "";
  for (let rest = now, i = 0; i < TIME_CHARS; i++) {
    time = ALPHABET.charAt(rest % 32) + time;
    rest = Math.floor(rest / 32);
  }
  let tail = "";
  for (const byte of random) tail += ALPHABET.charAt(byte & 31);
  return `${prefix}_${time}${tail}`;
}
