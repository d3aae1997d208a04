import { describe, expect, it } from "vitest";
import { facts, printReport, shown, table } from "./output.ts";

/** A printer that remembers. */
function createPaper() {
  const paper = { out: [] as string[], err: [] as string[] };
  return { paper, printer: { print: (t: string) => paper.out.push(t), complain: (t: string) => paper.err.push(t) } };
}

describe("table", () => {
  it("aligns columns and leaves no spaces behind", () => {
    const text = table(
      [
        ["a", "bb", ""],
        ["ccc", "d", "e"],
      ],
      ["X", "Y", "Z"],
    );
    expect(text).toBe("X    Y   Z\na    bb\nccc  d   e");
  });

  it("keeps a message from moving the cursor or hiding text", () => {
    expect(table([["a\u001b[2J\nb\u202e", "c"]])).toBe("a [2J b  c");
  });

  it("leaves out facts without a value", () => {
    expect(
      facts([
        ["one", 1],
        ["two", null],
        ["three", ""],
      ]),
    ).toBe("one    1\nthree");
  });
});

describe("printReport", () => {
  it("ends with 0 for what is well and with 1 for what is not", () => {
    const { paper, printer } = createPaper();
    expect(printReport(shown({ a: 1 }, "well"), false, printer)).toBe(0);
    expect(printReport(shown({ a: 1 }, "not well", false), true, printer)).toBe(1);
    expect(paper).toEqual({ out: ["well", '{\n  "a": 1\n}'], err: [] });
  });

  it("says a refusal to people on standard error and to programs on standard output", () => {
    const { paper, printer } = createPaper();
    const refused = { kind: "refused", code: "x", message: "no", advice: "do this" } as const;
    expect(printReport(refused, false, printer)).toBe(1);
    expect(printReport(refused, true, printer)).toBe(1);
    expect(paper.err).toEqual(["error: no", "       do this"]);
    expect(JSON.parse(paper.out[0] ?? "")).toEqual({ error: { code: "x", message: "no", advice: "do this" } });
  });
});
