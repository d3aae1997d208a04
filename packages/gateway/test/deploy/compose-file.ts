/** What the YAML of a compose file becomes; every scalar stays a text. */
export type Yaml = string | null | readonly Yaml[] | { readonly [key: string]: Yaml };

interface Line {
  readonly indent: number;
  readonly text: string;
  readonly number: number;
}

const KEY = /^([\w./-]+|<<):(?:\s+(.*))?$/;
const PLAIN = /^[^\s"'[\]{}>|*&!%#@`,-][^"'[\]{}#]*$/;

const fail = ({ number, text }: Line): never => {
  throw new Error(`line ${number} cannot be read here: ${text}`);
};

/** Lines that say something. A comment has its own line; `#` behind a value is refused further down. */
const readLines = (document: string): readonly Line[] =>
  document.split("\n").flatMap((written, index) => {
    const text = written.trim();
    if (text === "" || text.startsWith("#")) return [];
    return [{ indent: written.length - written.trimStart().length, text, number: index + 1 }];
  });

/** A scalar, or a list of texts within brackets, which is JSON in our files. */
function readInline(text: string, line: Line): Yaml {
  if (/^["[]/.test(text)) return JSON.parse(text) as string | readonly string[];
  return PLAIN.test(text) ? text : fail(line);
}

/**
 * Reads the YAML that compose.yaml is written in: maps, lists, texts, one anchor per map, `<<: *anchor`.
 *
 * @throws for the rest of YAML
 */
export function parseCompose(document: string): { readonly [key: string]: Yaml } {
  const lines = readLines(document);
  const anchors = new Map<string, Yaml>();
  let at = 0;

  function readBlock(indent: number): Yaml {
    return lines[at]?.text.startsWith("- ") ? readList(indent) : readMap(indent);
  }

  function readList(indent: number): readonly Yaml[] {
    const entries: Yaml[] = [];
    for (let line = lines[at]; line !== undefined && line.indent >= indent; line = lines[at]) {
      if (line.indent !== indent || !line.text.startsWith("- ")) return fail(line);
      entries.push(readInline(line.text.slice(2), line));
      at += 1;
    }
    return entries;
  }

  function readMap(indent: number): { readonly [key: string]: Yaml } {
    const own: Record<string, Yaml> = {};
    let merged: Yaml | undefined;
    for (let line = lines[at]; line !== undefined && line.indent >= indent; line = lines[at]) {
      const [, key, written = ""] = KEY.exec(line.text) ?? [];
      if (key === undefined || line.indent !== indent || Object.hasOwn(own, key)) return fail(line);
      at += 1;
      if (key !== "<<") own[key] = readValue(written, line);
      else if (merged === undefined && anchors.has(written.slice(1))) merged = anchors.get(written.slice(1));
      else return fail(line);
    }
    return { ...(merged as Record<string, Yaml> | undefined), ...own };
  }

  function readValue(written: string, line: Line): Yaml {
    const [, anchor, text = ""] = /^(?:&(\w+))?\s*(.*)$/.exec(written) ?? [];
    const next = lines[at];
    const isBlock = text === "" && next !== undefined && next.indent > line.indent;
    const value = isBlock ? readBlock(next.indent) : text === "" ? null : readInline(text, line);
    if (anchor !== undefined) anchors.set(anchor, value);
    return value;
  }

  return readMap(0);
}
