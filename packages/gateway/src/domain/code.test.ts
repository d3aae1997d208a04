import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CodeBinding, codeFromMac, encodeBinding, isCode } from "./code.ts";

const BINDING: CodeBinding = {
  id: "ver_1",
  tenant: "default",
  purpose: "verification",
  subject: "user-1",
  address: { kind: "phone", value: "+573001234567" },
  salt: new Uint8Array(16).fill(7),
};

const mac = (binding: CodeBinding) => createHmac("sha256", "secret").update(encodeBinding(binding)).digest();
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("the binding", () => {
  it("writes each field after its length, version first", () => {
    const encoded = Buffer.from(
      encodeBinding({
        id: "i",
        tenant: "té",
        purpose: "",
        subject: "s",
        address: { kind: "phone", value: "+57" },
        salt: Uint8Array.of(255, 0),
      }),
    );
    expect(encoded.toString("hex")).toBe(
      [
        "00000006",
        Buffer.from("otp.v1").toString("hex"),
        "00000002ff00",
        "0000000169",
        "0000000374c3a9",
        "00000000",
        "0000000173",
        "000000032b3537",
      ].join(""),
    );
  });

  it("changes with every field", () => {
    const others: CodeBinding[] = [
      { ...BINDING, id: "ver_2" },
      { ...BINDING, tenant: "other" },
      { ...BINDING, purpose: "login" },
      { ...BINDING, subject: "" },
      { ...BINDING, address: { kind: "phone", value: "+573001234568" } },
      { ...BINDING, salt: new Uint8Array(16).fill(8) },
    ];
    expect(new Set([BINDING, ...others].map((binding) => hex(encodeBinding(binding)))).size).toBe(7);
    expect(new Set([BINDING, ...others].map((binding) => codeFromMac(mac(binding), 10))).size).toBe(7);
  });

  it("never writes two bindings alike", () => {
    const field = fc.string({ unit: fc.constantFrom("a", "\0", "\u0001", "é"), maxLength: 3 });
    const binding = fc.record({
      id: field,
      tenant: field,
      purpose: field,
      subject: field,
      address: fc.record({ kind: fc.constant("phone" as const), value: field }),
      salt: fc.uint8Array({ maxLength: 3 }),
    });
    fc.assert(
      fc.property(binding, binding, (a, b) => {
        const plain = (x: CodeBinding) =>
          JSON.stringify([x.id, x.tenant, x.purpose, x.subject, x.address.value, hex(x.salt)]);
        expect(hex(encodeBinding(a)) === hex(encodeBinding(b))).toBe(plain(a) === plain(b));
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("the code", () => {
  it.each([
    ["0000000000000000", 6, "000000"],
    ["0000000000000007", 6, "000007"],
    ["00000000000f4240", 6, "000000"],
    ["00000000000f4241", 4, "0001"],
    ["ffffffffffffffff", 10, "3709551615"],
    ["ffffffffffffffff", 6, "551615"],
    ["8000000000000000", 8, "54775808"],
  ])("of %s with %i digits is %s", (first, digits, code) => {
    expect(codeFromMac(Buffer.from(`${first}ffffffffffffffff`, "hex"), digits)).toBe(code);
  });

  it("reads a view that does not begin at its buffer's first byte", () => {
    const bytes = Uint8Array.of(9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 42, 9);
    expect(codeFromMac(bytes.subarray(3), 4)).toBe("0042");
  });

  it.each([4, 6, 8, 10])("has %i digits, all of them evenly", (digits) => {
    const counts = Array.from({ length: digits }, () => new Array<number>(10).fill(0));
    const codes = 20_000;
    for (let i = 0; i < codes; i++) {
      const code = codeFromMac(mac({ ...BINDING, id: `ver_${i}` }), digits);
      expect(isCode(code, digits)).toBe(true);
      for (const [place, digit] of [...code].entries()) {
        const row = counts[place];
        if (row !== undefined) row[Number(digit)] = (row[Number(digit)] ?? 0) + 1;
      }
    }
    const expected = codes / 10;
    for (const row of counts) {
      const chiSquare = row.reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0);
      expect(chiSquare).toBeLessThan(33.7); // 9 degrees of freedom, p = 0.0001; the input is fixed
    }
  });
});

describe("what a person types", () => {
  it.each(["000000", "123456", "999999"])("takes %j as six digits", (value) => {
    expect(isCode(value, 6)).toBe(true);
  });

  it.each([
    "",
    "12345",
    "1234567",
    " 123456",
    "123456 ",
    "12345\n",
    "123456\n",
    "１２３４５６",
    "٠٠٠٠٠٠",
    "12345a",
    "-12345",
    "1e1000",
    "12.345",
  ])("refuses %j", (value) => {
    expect(isCode(value, 6)).toBe(false);
  });
});
