import { describe, expect, it } from "vitest";
import { readContactFile } from "./contact-rows.ts";

const read = (text: string) => readContactFile(text, ["CO"]);

describe("readContactFile", () => {
  it("reads the columns in any order, and empty as none", () => {
    expect(read("Name,sub,phone\nAna,u1,300 123 4567\n,u2,\n")).toEqual({
      kind: "read",
      bad: [],
      rows: [
        { line: 2, sub: "u1", phone: "300 123 4567", email: null, name: "Ana" },
        { line: 3, sub: "u2", phone: null, email: null, name: null },
      ],
    });
  });

  it.each([
    ["a landline", "u1,6012345678,,", "landline"],
    ["a country that is not allowed", "u1,+525512345678,,", "country"],
    ["an e-mail that is none", "u1,,ana,", "e-mail"],
    ["no sub", ",3001234567,,", "sub is empty"],
    ["a name that is too long", `u1,,,${"a".repeat(121)}`, "name"],
    ["a field too few", "u1,3001234567", "2 fields"],
  ])("reports %s by its line, and keeps the others", (_, row, problem) => {
    const file = read(`sub,phone,email,name\ngood,3001234567,,\n${row}\n`);
    expect(file).toMatchObject({
      kind: "read",
      rows: [{ sub: "good" }],
      bad: [{ line: 3, problem: expect.stringContaining(problem) }],
    });
  });

  it("reports a sub that is there twice", () => {
    const file = read("sub,phone\nu1,\nu1,\n");
    expect(file).toMatchObject({ rows: [{ line: 2 }], bad: [{ line: 3, problem: "sub is also on line 2" }] });
  });

  it.each([
    ["is empty", "", "empty"],
    ["has no sub", "phone\n3001234567\n", "sub is missing"],
    ["has a column that is none", "sub,age\nu1,7\n", '"age"'],
    ["has a column twice", "sub,sub\nu1,u1\n", "each once"],
    ["is separated by semicolons", "sub;phone\nu1;3001234567\n", "not by ;"],
  ])("refuses a file that %s", (_, text, problem) => {
    expect(read(text)).toMatchObject({ kind: "broken", line: 1, problem: expect.stringContaining(problem) });
  });
});
