import { describe, expect, it } from "vitest";
import { readCsv } from "./csv.ts";

const fieldsOf = (text: string) => {
  const csv = readCsv(text);
  if (csv.kind === "broken") throw new Error(csv.problem);
  return csv.records.map(({ fields }) => fields);
};

describe("readCsv", () => {
  it.each<[what: string, text: string, fields: readonly (readonly string[])[]]>([
    [
      "fields and lines",
      "a,b\nc,d\n",
      [
        ["a", "b"],
        ["c", "d"],
      ],
    ],
    [
      "a last line without its end",
      "a,b\r\nc,d",
      [
        ["a", "b"],
        ["c", "d"],
      ],
    ],
    [
      "empty fields, the last one too",
      "a,,\n,,",
      [
        ["a", "", ""],
        ["", "", ""],
      ],
    ],
    ["commas, quotes and breaks inside quotes", '"a,b","say ""hi""","x\ny"\n', [["a,b", 'say "hi"', "x\ny"]]],
    ["a quoted field that is empty", '""\n', [[""]]],
    ["a byte order mark", "\uFEFFa\n", [["a"]]],
    ["lines with nothing on them", "a\n\n\r\nb\n", [["a"], ["b"]]],
    ["nothing", "", []],
  ])("reads %s", (_, text, fields) => {
    expect(fieldsOf(text)).toEqual(fields);
  });

  it("says the line on which a record begins", () => {
    const csv = readCsv('a\n"x\ny\nz"\nb\n');
    expect(csv).toMatchObject({ kind: "read", records: [{ line: 1 }, { line: 2 }, { line: 5 }] });
  });

  it.each([
    ["text behind a closing quote", 'a\n"b"c\n', 2],
    ["a quote that never closes", 'a\n"b', 2],
    ["a quote inside a bare field", 'a\nb\nc"d\n', 3],
  ])("refuses %s, with its line", (_, text, line) => {
    expect(readCsv(text)).toMatchObject({ kind: "broken", line });
  });
});
