import { describe, expect, it } from "vitest";
import { senderProblem } from "./sender.ts";

describe("a sender", () => {
  it.each(["+13105550100", "85432", "+525512345678"])("may write to Colombia: %s", (from) => {
    expect(senderProblem(from, "CO")).toBeNull();
  });

  it.each([
    ["+573001234567", /long codes do not exist/],
    ["+576012345678", /long codes do not exist/],
    ["MeStore", /alphanumeric/],
  ])("cannot exist in Colombia: %s", (from, problem) => {
    expect(senderProblem(from, "CO")).toMatch(problem);
  });

  it("may be anything where no rule is known", () => {
    for (const country of ["ES", null]) expect(senderProblem("MeStore", country)).toBeNull();
  });
});
