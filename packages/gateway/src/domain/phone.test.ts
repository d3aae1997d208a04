import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type PhoneOptions, parsePhone, phoneBlock, readPhone } from "./phone.ts";

const COLOMBIA: PhoneOptions = { defaultCountry: "CO", allowedCountries: ["CO"] };
const EVERYWHERE: PhoneOptions = {
  defaultCountry: "CO",
  allowedCountries: ["CO", "US", "MX", "DO", "ES", "GB", "BS", "AR", "IT", "FR"],
};

const read = (text: string, options = COLOMBIA) => readPhone(text, options);

describe("Colombian mobiles", () => {
  it.each([
    "3001234567",
    "300 123 4567",
    "+57 300-123-4567",
    "573001234567",
    "+573001234567",
    "57 300 123 4567",
    "(300) 123-4567",
    "300.123.4567",
    "+57 (300) 123 4567",
    "  3001234567  ",
  ])("reads %j as the one canonical number", (text) => {
    expect(read(text)).toEqual({ e164: "+573001234567", country: "CO", kind: "mobile" });
  });

  it("takes exactly the prefixes of the Colombian plan", () => {
    const accepted = Array.from({ length: 100 }, (_, i) => String(300 + i)).filter(
      (prefix) => typeof read(`${prefix}5550199`) === "object",
    );
    expect(accepted).toEqual(
      "300 301 302 303 304 305 310 311 312 313 314 315 316 317 318 319 320 321 322 323 324 333 350 351 370".split(" "),
    );
  });

  it("maps any grouping of a number to the same key", () => {
    const separator = fc.string({ unit: fc.constantFrom(" ", "-", ".", "(", ")"), maxLength: 1 });
    const spelling = fc.record({
      prefix: fc.constantFrom("300", "315", "320", "350"),
      rest: fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: 7, maxLength: 7 }),
      code: fc.constantFrom("", "57", "+57"),
      separators: fc.array(separator, { minLength: 12, maxLength: 12 }),
    });
    fc.assert(
      fc.property(spelling, ({ prefix, rest, code, separators }) => {
        const digits = [...`${code.replace("+", "")}${prefix}${rest}`];
        const typed = (code === "+57" ? "+" : "") + digits.map((d, i) => `${d}${separators[i] ?? ""}`).join("");
        expect(read(typed)).toEqual({ e164: `+57${prefix}${rest}`, country: "CO", kind: "mobile" });
      }),
    );
  });
});

describe("what is not a mobile of an allowed country", () => {
  it.each(["6012345678", "+57 601 234 5678", "576012345678", "6045551234"])("recognises the landline %j", (text) => {
    expect(read(text)).toBe("phone_landline");
  });

  it.each([
    ["Mexico City without +", "5512345678"],
    ["a US number without +", "12025550123"],
    ["a US number without country", "2025550123"],
    ["another country's code without +", "34612345678"],
    ["00 and the country", "00573001234567"],
    ["00, a carrier and the country", "009573001234567"],
    ["a trunk zero", "03001234567"],
    ["a carrier's prefix", "033001234567"],
    ["a trunk zero inside", "+57 (0) 300 123 4567"],
    ["the code twice", "57573001234567"],
    ["a digit too many", "30012345678"],
    ["a digit too few", "300123456"],
    ["premium", "+5719001234567"],
    ["premium without +", "19001234567"],
    ["toll free", "018005551234"],
    ["toll free with +", "+5718005551234"],
    ["international premium", "+979123456789"],
    ["international shared cost", "+80812345678"],
    ["international toll free", "+80012345678"],
    ["satellite 881", "+881612345678"],
    ["satellite 882", "+88216123456"],
    ["international network 883", "+883510000000092"],
    ["satellite 870", "+870773111632"],
    ["an unknown calling code", "+999123456789"],
    ["nothing", ""],
    ["only a plus", "+"],
    ["only separators", "().-"],
    ["two plus signs", "++573001234567"],
    ["a plus inside", "57+3001234567"],
  ])("refuses %s", (_, text) => {
    expect(read(text)).toBe("phone_invalid");
    expect(read(text, EVERYWHERE)).toBe("phone_invalid");
  });

  it.each([
    ["US toll free", "+18005551234"],
    ["UK premium", "+449012345678"],
    ["UK shared cost", "+448431234567"],
    ["UK VoIP", "+445612345678"],
    ["UK personal number", "+447012345678"],
    ["UK pager", "+447640123456"],
    ["UK company number", "+445512345678"],
  ])("refuses %s although its country is allowed", (_, text) => {
    expect(read(text, EVERYWHERE)).toBe("phone_invalid");
  });

  it.each(["+34612345678", "+12025550123", "+525512345678", "+18095551234", "+34912345678"])(
    "says that the country of %s is not allowed",
    (text) => {
      expect(read(text)).toBe("country_not_allowed");
    },
  );
});

describe("explicit numbers of other allowed countries", () => {
  it.each([
    ["+34 612 345 678", { e164: "+34612345678", country: "ES", kind: "mobile" }],
    ["+1 (202) 555-0123", { e164: "+12025550123", country: "US", kind: "fixed_or_mobile" }],
    ["+52 55 1234 5678", { e164: "+525512345678", country: "MX", kind: "fixed_or_mobile" }],
    ["+1 809 555 1234", { e164: "+18095551234", country: "DO", kind: "fixed_or_mobile" }],
  ])("reads %s", (text, phone) => {
    expect(read(text, EVERYWHERE)).toEqual(phone);
  });

  it("keeps the Caribbean apart from the United States", () => {
    const onlyUs: PhoneOptions = { defaultCountry: "CO", allowedCountries: ["CO", "US"] };
    for (const text of ["+18095551234", "+18762101234", "+12423591234", "+18682911234"]) {
      expect(read(text, onlyUs)).toBe("country_not_allowed");
    }
  });
});

describe("the ASCII filter", () => {
  it.each([
    ["full-width digits", "３００１２３４５６７"],
    ["Arabic digits", "٣٠٠١٢٣٤٥٦٧"],
    ["a right-to-left mark", "\u200f3001234567"],
    ["a direction override", "\u202e3001234567"],
    ["a zero-width space", "300\u200b1234567"],
    ["a no-break space", "300\u00a0123\u00a04567"],
    ["a full-width plus", "＋573001234567"],
    ["a typographic dash", "300–123–4567"],
    ["a newline after", "3001234567\n"],
    ["a newline before", "\n3001234567"],
    ["a tab", "300\t1234567"],
    ["an extension", "3001234567 ext. 5"],
    ["an extension with x", "3001234567x5"],
    ["a pause", "3001234567,,1234"],
    ["a tel: URI", "tel:+573001234567"],
    ["a phone context", "3001234567;phone-context=+1"],
    ["a star", "*3001234567"],
    ["letters", "300FLOWERS"],
    ["a NUL", "3001234567\0"],
    ["a slash", "300/123/4567"],
    ["ten thousand digits", "3".repeat(10_000)],
    ["more spaces than anyone types", `300${" ".repeat(40)}1234567`],
  ])("refuses %s", (_, text) => {
    expect(read(text)).toBe("phone_invalid");
  });

  it("answers any text with E.164 of an allowed country or with one of three errors", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 40 }),
      fc.string({ unit: fc.constantFrom(..."0123456789+-.() "), maxLength: 20 }),
    );
    fc.assert(
      fc.property(text, (typed) => {
        const phone = read(typed, EVERYWHERE);
        if (typeof phone === "string") {
          expect(["phone_invalid", "phone_landline", "country_not_allowed"]).toContain(phone);
        } else {
          expect(phone.e164).toMatch(/^\+[1-9][0-9]{6,14}$/);
          expect(EVERYWHERE.allowedCountries).toContain(phone.country);
          expect(phone.e164.endsWith(typed.replace(/[^0-9]/g, ""))).toBe(true);
          expect(read(phone.e164, EVERYWHERE)).toEqual(phone);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

it.each([
  ["5512345678", "phone_invalid"],
  ["6012345678", "phone_landline"],
  ["+34612345678", "country_not_allowed"],
])("throws its refusal of %s when it must be a phone", (text, code) => {
  expect(() => parsePhone(text, COLOMBIA)).toThrow(expect.objectContaining({ name: "AppError", code }));
  expect(parsePhone("3001234567", COLOMBIA)).toEqual(readPhone("3001234567", COLOMBIA));
});

it("puts ten thousand numbers in a block", () => {
  expect(phoneBlock("+573001234567")).toBe("+57300123");
  expect(phoneBlock("+573001239999")).toBe(phoneBlock("+573001230000"));
  expect(phoneBlock("+573001240000")).not.toBe(phoneBlock("+573001230000"));
});
