import { describe, expect, it } from "vitest";
import { findRoute, nextProvider, type RouteTable, waitsOf } from "./route.ts";

const TABLE: RouteTable = {
  providers: ["twilio", "vonage"],
  rules: [
    { match: "+57300", providers: ["local"] },
    { match: "CO", providers: ["vonage"] },
    { match: "+5730012", providers: ["infobip", "local"] },
    { match: "US", providers: ["twilio"] },
  ],
};

describe("the route of a number", () => {
  it.each([
    ["+573001234567", "CO", "+5730012", ["infobip", "local"]],
    ["+573009999999", "CO", "+57300", ["local"]],
    ["+573101234567", "CO", "CO", ["vonage"]],
    ["+13105550100", "US", "US", ["twilio"]],
    ["+14165550100", "CA", null, ["twilio", "vonage"]],
  ])("follows the longest prefix, then the country, then the rest: %s", (to, country, ...[match, providers]) => {
    expect(findRoute(TABLE, { to, country })).toEqual({ match, providers });
  });

  it("has no country for an e-mail", () => {
    expect(findRoute({ providers: ["smtp"], rules: [] }, { to: "a@b.co", country: null })).toEqual({
      match: null,
      providers: ["smtp"],
    });
  });
});

describe("the next provider", () => {
  it.each([
    [["a"], ["a"], { id: "a", isFailover: false }],
    [["a", "b"], ["a"], { id: "b", isFailover: true }],
    [["a", "b"], ["b"], { id: "a", isFailover: true }],
    [["a", "b"], ["a", "b"], { id: "a", isFailover: false }],
    [["b", "a"], ["a", "b"], { id: "b", isFailover: false }],
    [["a", "b", "c"], ["a", "b", "c", "a"], { id: "b", isFailover: true }],
    [["b"], ["a"], { id: "b", isFailover: true }],
    [["a"], ["a", "b"], { id: "a", isFailover: false }],
    [[], ["a"], null],
  ])("of %j after %j is %j", (usable, tried, expected) => {
    expect(nextProvider(usable, tried)).toEqual(expected);
  });

  it.each([
    [[], 0],
    [["a"], 0],
    [["a", "b"], 0],
    [["a", "b", "a"], 1],
    [["a", "a", "a"], 2],
  ])("has waited, after %j, %i times", (tried, waits) => {
    expect(waitsOf(tried)).toBe(waits);
  });
});
