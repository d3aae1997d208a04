/** Every category at once: what STOP means. */
export const ALL_CATEGORIES = "*";

/** A person who wants no messages, of one category or of all. */
export interface OptOut {
  /** E.164, or an e-mail address. */
  readonly address: string;
  /** `otp`, the category of a notification, or `ALL_CATEGORIES`. */
  readonly category: string;
  readonly since: number;
  /** `inbound` for the person's own message, `carrier` for what a provider said, `operator`. */
  readonly source: string;
}

export type Keyword = "stop" | "start";

/**
 * Words that carriers take for the wish, and what people write in Colombia.
 *
 * @see https://help.twilio.com/articles/223134027 (STOP, STOPALL, UNSUBSCRIBE, CANCEL, END, QUIT; START, YES, UNSTOP; 2026-01)
 */
const KEYWORDS: Readonly<Record<Keyword, ReadonlySet<string>>> = {
  stop: new Set(["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "SALIR", "CANCELAR", "BAJA", "ALTO"]),
  start: new Set(["START", "UNSTOP", "INICIAR", "ALTA", "VOLVER"]),
};

/** Reads what a person asks for; only a message that is nothing but the word counts. */
export function readKeyword(text: string): Keyword | null {
  const word = text
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .replace(/^[\s\p{P}]+|[\s\p{P}]+$/gu, "")
    .toUpperCase();
  if (KEYWORDS.stop.has(word)) return "stop";
  return KEYWORDS.start.has(word) ? "start" : null;
}
