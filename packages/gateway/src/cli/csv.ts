/** One record and the line it begins at. */
export interface CsvRecord {
  /** From 1; a quoted field may hold line breaks, so lines and records are not the same. */
  readonly line: number;
  readonly fields: readonly string[];
}

export type CsvResult =
  | { readonly kind: "read"; readonly records: readonly CsvRecord[] }
  | { readonly kind: "broken"; readonly line: number; readonly problem: string };

/** A field and what ends it; a quoted one holds anything, its quotes doubled. */
const FIELD = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|$)/y;

const countBreaks = (text: string): number => text.split("\n").length - 1;

/**
 * Reads comma-separated values, strictly: a quote inside a bare field or text behind a closing quote is an error. Lines
 * with nothing on them are skipped, and so is a byte order mark.
 *
 * @see RFC 4180
 */
export function readCsv(text: string): CsvResult {
  const source = text.replace(/^\uFEFF/, "");
  const records: CsvRecord[] = [];
  let fields: string[] = [];
  let line = 1;
  let beginsAt = 1;
  let position = 0;
  while (position < source.length || fields.length > 0) {
    FIELD.lastIndex = position;
    const found = FIELD.exec(source);
    if (found === null) {
      const problem =
        source[position] === '"'
          ? "a quoted field does not end, or has text behind it"
          : 'a " in a field without quotes';
      return { kind: "broken", line, problem };
    }
    const [whole, quoted, bare = "", end] = found;
    fields.push(quoted === undefined ? bare : quoted.replaceAll('""', '"'));
    position += whole.length;
    line += countBreaks(whole);
    if (end === ",") continue;
    if (fields.length > 1 || fields[0] !== "" || quoted !== undefined) records.push({ line: beginsAt, fields });
    fields = [];
    beginsAt = line;
  }
  return { kind: "read", records };
}
