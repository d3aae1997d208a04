import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maskAddress, maskEmail, maskForLog, maskPhone } from "./mask.ts";

const NUMBERS = [
  "+573001234567",
  "+576012345678",
  "+12025550123",
  "+18095551234",
  "+525512345678",
  "+34612345678",
  "+50683123456",
  "+5930991234567",
  "+2903000",
];

describe("a number for the person who typed it", () => {
  it.each([
    ["+573001234567", "+57 300 *** 4567"],
    ["+12025550123", "+1 202 *** 0123"],
    ["+34612345678", "+34 61 *** 5678"],
    ["+50683123456", "+506 8 *** 3456"],
    ["+2903000", "***"],
    ["not a number", "***"],
    ["", "***"],
  ])("shows %j as %j", (number, masked) => {
    expect(maskPhone(number)).toBe(masked);
  });
});

describe("a number for a log", () => {
  it.each([
    ["+573001234567", "+57******4567"],
    ["+12025550123", "+1******0123"],
    ["+50683123456", "+506****3456"],
    ["3001234567", "***"],
    ["x\n+573001234567", "***"],
  ])("writes %j as %j", (number, masked) => {
    expect(maskForLog(number)).toBe(masked);
  });
});

it("hides at least three digits of any Colombian mobile, and which ones they were", () => {
  const digits = fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: 3, maxLength: 3 });
  fc.assert(
    fc.property(digits, digits, (a, b) => {
      const [one, other] = [`+57300${a}4567`, `+57300${b}4567`];
      expect(maskPhone(one)).toBe(maskPhone(other));
      expect(maskForLog(one)).toBe(maskForLog(other));
    }),
  );
});

it.each(NUMBERS)("never gives %s away whole", (number) => {
  for (const masked of [maskPhone(number), maskForLog(number)]) {
    expect(masked).toContain("***");
    expect(number.replace("+", "").length - masked.replace(/[^0-9]/g, "").length).toBeGreaterThanOrEqual(3);
  }
});

describe("an e-mail", () => {
  it.each([
    ["ana@x.co", "a***@x.co"],
    ["a@x.co", "***@x.co"],
    ["ana.gomez@example.com.co", "a***@example.com.co"],
    ["@x.co", "***"],
    ["nobody", "***"],
  ])("shows %j as %j", (email, masked) => {
    expect(maskEmail(email)).toBe(masked);
  });
});

it("masks an address by its kind", () => {
  expect(maskAddress({ kind: "phone", value: "+573001234567" })).toBe("+57 300 *** 4567");
  expect(maskAddress({ kind: "email", value: "ana@x.co" })).toBe("a***@x.co");
});
