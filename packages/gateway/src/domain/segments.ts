import { AppError } from "./app-error.ts";

/** The default alphabet in the order of its codes, without the escape at 0x1B. */
const BASIC = new Set(
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà",
);
/** Reached through the escape: two septets each. */
const EXTENSION = new Set("\f^{}\\[~]|€");

const CAPACITY = { "GSM-7": { single: 160, part: 153 }, "UCS-2": { single: 70, part: 67 } } as const;
const MAX_SEGMENTS = 10;

/** What a text costs on the air. */
export interface TextMeasure {
  readonly encoding: keyof typeof CAPACITY;
  /** Septets of GSM-7, or 16-bit units of UCS-2. */
  readonly units: number;
  readonly segments: number;
  /** 160 or 70 for a text of one segment, 153 or 67 when a header joins several. */
  readonly unitsPerSegment: number;
  /** Each once, in the order of the text. */
  readonly outsideGsm7: readonly string[];
}

const isGsm7 = (character: string): boolean => BASIC.has(character) || EXTENSION.has(character);

/** Tells whether each character takes one septet. Line breaks do; the escape never does. */
export const isBasicGsm7 = (text: string): boolean => [...text].every((character) => BASIC.has(character));

/** Fills one part after the other; what takes two units is never cut in half. */
function countParts(costs: readonly number[], capacity: number): number {
  let parts = 1;
  let used = 0;
  for (const cost of costs) {
    if (used + cost > capacity) {
      parts++;
      used = 0;
    }
    used += cost;
  }
  return parts;
}

/**
 * Counts the parts that a carrier will bill, however many.
 *
 * @param text what the person will read, variables already filled
 * @see 3GPP TS 23.038, 6.2.1 (alphabets); TS 23.040, 9.2.3.24.1 (joined messages: 153 or 67 units per part)
 */
export function countText(text: string): TextMeasure {
  const characters = [...text];
  const outsideGsm7 = [...new Set(characters.filter((character) => !isGsm7(character)))];
  const encoding = outsideGsm7.length === 0 ? "GSM-7" : "UCS-2";
  const costs = characters.map((c) => (encoding === "UCS-2" ? c.length : EXTENSION.has(c) ? 2 : 1));
  const units = costs.reduce((sum, cost) => sum + cost, 0);
  const { single, part } = CAPACITY[encoding];
  return units <= single
    ? { encoding, units, segments: 1, unitsPerSegment: single, outsideGsm7 }
    : { encoding, units, segments: countParts(costs, part), unitsPerSegment: part, outsideGsm7 };
}

/**
 * Counts the parts of a text that is about to be sent.
 *
 * @throws {AppError} `fields_invalid` past ten segments
 */
export function measureText(text: string): TextMeasure {
  const measure = countText(text);
  if (measure.segments <= MAX_SEGMENTS) return measure;
  throw new AppError("fields_invalid", {
    problem: {
      es: `el texto ocupa ${measure.segments} segmentos y el máximo es ${MAX_SEGMENTS}`,
      en: `the text takes ${measure.segments} segments and ${MAX_SEGMENTS} is the most`,
    },
  });
}

/** Signs that read the same in ASCII. Letters are not here: they only lose their accent. */
const PLAIN_SIGNS: readonly (readonly [from: string, to: string])[] = [
  ["“”„‟«»″", '"'],
  ["‘’‚‛‹›′`´", "'"],
  ["‐‑‒–—―−", "-"],
  ["…", "..."],
  ["•", "-"],
  ["·", "."],
  ["º°", "o"],
  ["ª", "a"],
  ["\t\u00a0\u2002\u2003\u2007\u2009\u200a\u202f", " "],
  ["\u00ad\u200b\u2060\ufeff", ""],
];
const PLAIN = new Map(PLAIN_SIGNS.flatMap(([from, to]) => [...from].map((sign) => [sign, to] as const)));

function toPlain(character: string): string {
  if (isGsm7(character)) return character;
  const plain = PLAIN.get(character) ?? character.normalize("NFD").replace(/\p{M}/gu, "");
  return [...plain].every(isGsm7) ? plain : character;
}

/**
 * Rewrites a text so that it needs UCS-2 less: `á í ó ú` lose their accent, typographic signs become ASCII, and `é ñ ü ¿ ¡`,
 * which GSM-7 has, stay. What has no equal (emoji, other scripts) stays as well.
 *
 * @returns null when there is nothing to change
 */
export function toGsm7Suggestion(text: string): string | null {
  const suggestion = [...text.normalize("NFC")].map(toPlain).join("");
  return suggestion === text ? null : suggestion;
}
