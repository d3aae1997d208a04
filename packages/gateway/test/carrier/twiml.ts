/** What somebody hears who answers a call. */
export interface Heard {
  /** The sentences, in order, a digit read alone among them. */
  readonly says: readonly string[];
  /** The digits that were read alone, in order. */
  readonly digits: string;
  readonly languages: readonly string[];
  /** Seconds of silence in all. */
  readonly silence: number;
}

const HEAD = /^<\?xml version="1\.0" encoding="UTF-8"\?>\s*<Response>/;
const VERB = /\s*<(Say|Pause|Hangup)((?: [\w-]+="[^"<&]*")*)(?:\/>|>([^<]*)<\/\1>)/y;
const END = /\s*<\/Response>\s*$/y;

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

const decode = (text: string): string =>
  text.replace(/&(\w+);/g, (whole, name: string) => {
    const sign = ENTITIES[name];
    if (sign === undefined) throw new Error(`${whole} is no entity of XML`);
    return sign;
  });

const attributesOf = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries([...text.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name = "", value = ""]) => [name, value]));

/**
 * Runs a document as far as a call that only speaks goes: `Say`, `Pause` and `Hangup`, after which nothing is heard.
 *
 * @throws {Error} when the vendor could not run it (error 12100, document parse failure)
 * @see https://www.twilio.com/docs/voice/twiml
 */
export function listen(document: string): Heard {
  const head = HEAD.exec(document);
  if (head === null) throw new Error("12100: no Response in XML 1.0");
  const says: string[] = [];
  const languages: string[] = [];
  let silence = 0;
  let isOver = false;
  let at = head[0].length;
  for (VERB.lastIndex = at; ; VERB.lastIndex = at) {
    const verb = VERB.exec(document);
    if (verb === null) break;
    at += verb[0].length;
    const [, name, attributeText = "", text = ""] = verb;
    const attributes = attributesOf(attributeText);
    if (isOver) continue;
    if (name === "Hangup") isOver = true;
    else if (name === "Pause") silence += Number(attributes["length"] ?? 1);
    else {
      says.push(decode(text));
      languages.push(attributes["language"] ?? "en-US");
    }
  }
  END.lastIndex = at;
  if (!END.test(document)) throw new Error("12100: what follows is neither Say, Pause nor Hangup");
  return { says, digits: says.filter((said) => /^\d$/.test(said)).join(""), languages, silence };
}
