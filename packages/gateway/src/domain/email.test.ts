import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseEmail, readEmail } from "./email.ts";

describe("the canonical form", () => {
  it.each([
    ["ana@x.co", "ana@x.co"],
    ["  Ana.Gomez+Shop@Example.COM ", "ana.gomez+shop@example.com"],
    ["ana@mañana.co", "ana@xn--maana-pta.co"],
    ["ana@man\u0303ana.co", "ana@xn--maana-pta.co"],
    ["ana@MAÑANA.CO", "ana@xn--maana-pta.co"],
    ["ana@xn--maana-pta.co", "ana@xn--maana-pta.co"],
    ["ana@почта.рф", "ana@xn--80a1acny.xn--p1ai"],
    ["ana@mail.example.com.co", "ana@mail.example.com.co"],
    ["o'hara@x.co", "o'hara@x.co"],
    ["1@2.co", "1@2.co"],
    [`${"a".repeat(64)}@x.co`, `${"a".repeat(64)}@x.co`],
  ])("writes %j as %j", (text, canonical) => {
    expect(readEmail(text)).toBe(canonical);
  });

  it("is its own canonical form, whatever the case and the spaces around", () => {
    const part = fc.string({ unit: fc.constantFrom(..."abcXYZ019"), minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(part, part, fc.constantFrom("co", "COM", "Com.Co"), (local, host, tld) => {
        const canonical = parseEmail(` ${local}@${host}.${tld} `);
        expect(canonical).toBe(`${local}@${host}.${tld}`.toLowerCase());
        expect(parseEmail(canonical)).toBe(canonical);
      }),
    );
  });
});

describe("what is refused", () => {
  it.each([
    ["nothing", ""],
    ["no @", "ana.x.co"],
    ["no local part", "@x.co"],
    ["no domain", "ana@"],
    ["no dot in the domain", "ana@localhost"],
    ["two @", "ana@eve@x.co"],
    ["a header", "ana@x.co\r\nBcc: eve@x.co"],
    ["a newline after", "ana@x.co\n"],
    ["a NUL", "ana\0@x.co"],
    ["a space inside", "ana gomez@x.co"],
    ["a space before the @", "ana @x.co"],
    ["a space in the domain", "ana@x .co"],
    ["a quoted local part", '"ana"@x.co'],
    ["a comment", "ana(shop)@x.co"],
    ["a comment in the domain", "ana@x.co(shop)"],
    ["a name", "Ana <ana@x.co>"],
    ["two addresses", "ana@x.co,eve@x.co"],
    ["two addresses with ;", "ana@x.co;eve@x.co"],
    ["a dot first", ".ana@x.co"],
    ["a dot last", "ana.@x.co"],
    ["two dots", "ana..gomez@x.co"],
    ["an accent before the @", "maría@x.co"],
    ["a zero-width space", "ana\u200b@x.co"],
    ["a full-width @", "ana＠x.co"],
    ["an IPv4 domain", "ana@127.0.0.1"],
    ["a short IPv4 domain", "ana@127.1"],
    ["a hexadecimal IPv4 domain", "ana@0x7f.0x1"],
    ["an address literal", "ana@[127.0.0.1]"],
    ["an IPv6 literal", "ana@[::1]"],
    ["a port", "ana@x.co:25"],
    ["a path", "ana@x.co/y"],
    ["a query", "ana@x.co?y"],
    ["an escape", "ana@%78.co"],
    ["a dot at the end", "ana@x.co."],
    ["a dot at the start", "ana@.x.co"],
    ["two dots in the domain", "ana@x..co"],
    ["a hyphen first", "ana@-x.co"],
    ["a hyphen last", "ana@x-.co"],
    ["an underscore", "ana@x_y.co"],
    ["a top level of one letter", "ana@x.c"],
    ["a top level with a digit", "ana@x.c0"],
    ["an empty label of punycode", "ana@xn--.co"],
    ["a soft hyphen", "ana@x\u00ady.co"],
    ["a local part of 65", `${"a".repeat(65)}@x.co`],
    ["a label of 64", `ana@${"a".repeat(64)}.co`],
    ["255 characters", `${"a".repeat(60)}@${`${"b".repeat(61)}.`.repeat(3)}${"c".repeat(5)}.co`],
    ["a megabyte", `${"a".repeat(1_000_000)}@x.co`],
  ])("refuses %s", (_, text) => {
    expect(readEmail(text)).toBeNull();
  });

  it("takes 254 characters", () => {
    const longest = `${"a".repeat(60)}@${`${"b".repeat(61)}.`.repeat(3)}${"c".repeat(4)}.co`;
    expect(longest).toHaveLength(254);
    expect(readEmail(longest)).toBe(longest);
  });

  it("answers any text with a plain ASCII address or with null", () => {
    const piece = fc.string({ unit: "binary", maxLength: 12 });
    fc.assert(
      fc.property(piece, piece, (local, domain) => {
        const address = readEmail(`${local}@${domain}.co`);
        if (address === null) return;
        expect(address).toMatch(/^[!-~]+@[a-z0-9.-]+$/);
        expect(readEmail(address)).toBe(address);
      }),
      { numRuns: 2_000 },
    );
  });
});

it("throws its refusal when it must be an address", () => {
  expect(() => parseEmail("ana")).toThrow(expect.objectContaining({ name: "AppError", code: "email_invalid" }));
});
