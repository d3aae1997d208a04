import fc from "fast-check";
import calculator from "sms-segments-calculator";
import { describe, expect, it } from "vitest";
import { AppError } from "./app-error.ts";
import { countText, isBasicGsm7, measureText, toGsm7Suggestion } from "./segments.ts";

const { SegmentedMessage } = calculator;

const BMP = Array.from({ length: 0x10000 }, (_, code) => code).filter((code) => code < 0xd800 || code > 0xdfff);

/** Asks the reference. It keeps CRLF and grapheme clusters whole, which the standard does not ask for. */
function reference(text: string) {
  const message = new SegmentedMessage(text);
  return { encoding: message.encodingName, segments: message.segmentsCount };
}

describe("the alphabet", () => {
  it("is the reference's, character by character", () => {
    const ours = BMP.filter((code) => countText(String.fromCharCode(code)).encoding === "GSM-7");
    const theirs = BMP.filter((code) => reference(String.fromCharCode(code)).encoding === "GSM-7");
    expect(ours).toEqual(theirs);
    expect(ours).toHaveLength(127 + 10);
  });

  it("costs two septets exactly for the extension table", () => {
    const double = BMP.map((code) => String.fromCharCode(code)).filter((character) => {
      const { encoding, units } = countText(character);
      return encoding === "GSM-7" && units === 2;
    });
    expect(double.sort()).toEqual([..."\f[\\]^{|}~€"].sort());
  });

  it("has é ñ ü ¿ ¡ and lacks á í ó ú", () => {
    expect(countText("éñü¿¡ÑÉÜà").encoding).toBe("GSM-7");
    expect(countText("áéíóú").outsideGsm7).toEqual(["á", "í", "ó", "ú"]);
  });

  it("tells the basic table from the rest", () => {
    expect(isBasicGsm7("MeStore ñ @ $ _ Δ")).toBe(true);
    for (const text of ["€", "[", "~", "á", "ç", "`", "\t", "\x1b", "😀", "e\u0301"]) {
      expect([text, isBasicGsm7(text)]).toEqual([text, false]);
    }
  });
});

describe("counting", () => {
  it.each([
    ["nothing", "", { encoding: "GSM-7", units: 0, segments: 1, unitsPerSegment: 160 }],
    ["160 basic", "a".repeat(160), { encoding: "GSM-7", units: 160, segments: 1, unitsPerSegment: 160 }],
    ["161 basic", "a".repeat(161), { encoding: "GSM-7", units: 161, segments: 2, unitsPerSegment: 153 }],
    ["306 basic", "a".repeat(306), { encoding: "GSM-7", units: 306, segments: 2, unitsPerSegment: 153 }],
    ["307 basic", "a".repeat(307), { encoding: "GSM-7", units: 307, segments: 3, unitsPerSegment: 153 }],
    ["80 of the extension", "€".repeat(80), { encoding: "GSM-7", units: 160, segments: 1, unitsPerSegment: 160 }],
    [
      "an extension sign at the border",
      `${"a".repeat(152)}€${"a".repeat(152)}`,
      { encoding: "GSM-7", units: 306, segments: 3, unitsPerSegment: 153 },
    ],
    [
      "an extension sign inside",
      `${"a".repeat(151)}€${"a".repeat(153)}`,
      { encoding: "GSM-7", units: 306, segments: 2, unitsPerSegment: 153 },
    ],
    ["70 of UCS-2", "á".repeat(70), { encoding: "UCS-2", units: 70, segments: 1, unitsPerSegment: 70 }],
    ["71 of UCS-2", "á".repeat(71), { encoding: "UCS-2", units: 71, segments: 2, unitsPerSegment: 67 }],
    ["134 of UCS-2", "á".repeat(134), { encoding: "UCS-2", units: 134, segments: 2, unitsPerSegment: 67 }],
    ["135 of UCS-2", "á".repeat(135), { encoding: "UCS-2", units: 135, segments: 3, unitsPerSegment: 67 }],
    [
      "an emoji at the border",
      `${"á".repeat(66)}😀${"á".repeat(66)}`,
      { encoding: "UCS-2", units: 134, segments: 3, unitsPerSegment: 67 },
    ],
    [
      "an extension sign in UCS-2",
      `á${"€".repeat(69)}`,
      { encoding: "UCS-2", units: 70, segments: 1, unitsPerSegment: 70 },
    ],
  ])("counts %s", (_, text, measure) => {
    expect(countText(text)).toMatchObject(measure);
  });

  const gsm = fc.constantFrom(..."aé ñ€[]~{}\\^|Δ\n".split(""));
  const ucs2 = fc.constantFrom("a", "á", "漢", "😀", "€", "—");

  it.each([
    ["GSM-7", gsm],
    ["UCS-2", ucs2],
  ])("agrees with the reference on %s texts of any length", (_, unit) => {
    const text = fc.string({ unit, maxLength: 700 }).filter((t) => t !== "");
    fc.assert(
      fc.property(text, (t) => {
        const { encoding, segments } = countText(t);
        expect({ encoding, segments }).toEqual(reference(t));
      }),
      { numRuns: 500 },
    );
  });

  it("never counts fewer segments for a longer text", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", maxLength: 300 }),
        fc.string({ unit: "binary", maxLength: 50 }),
        (a, b) => {
          expect(countText(a + b).segments).toBeGreaterThanOrEqual(countText(a).segments);
        },
      ),
    );
  });

  it("names each character outside GSM-7 once, in order", () => {
    expect(countText("¡Atención! 😀 Envío rápido 😀, atención").outsideGsm7).toEqual(["ó", "😀", "í", "á"]);
  });
});

describe("the limit of ten segments", () => {
  it("takes a text of ten", () => {
    expect(measureText("a".repeat(1530)).segments).toBe(10);
    expect(measureText("á".repeat(670)).segments).toBe(10);
  });

  it.each(["a".repeat(1531), "á".repeat(671)])("refuses one more, in both languages", (text) => {
    let thrown: unknown;
    try {
      measureText(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(AppError);
    expect(thrown).toMatchObject({
      code: "fields_invalid",
      details: { problem: { es: expect.stringContaining("11"), en: expect.stringContaining("11") } },
    });
  });
});

describe("the suggestion", () => {
  it.each([
    ["¿Qué pasó mañana, Íñigo?", "¿Qué paso mañana, Iñigo?"],
    ["ÁÉÍÓÚÑÜ áéíóúñü", "AÉIOUÑÜ aéiouñü"],
    ["“Hola” – ‘adiós’…", "\"Hola\" - 'adios'..."],
    ["a\u00a0b\tc", "a b c"],
    ["Barça, 1º, São Tomé", "Barca, 1o, Sao Tomé"],
    ["e\u0301a\u0301", "éa"],
    ["zero\u200bwidth", "zerowidth"],
    ["Envío 🎉 漢", "Envio 🎉 漢"],
  ])("rewrites %j", (text, suggestion) => {
    expect(toGsm7Suggestion(text)).toBe(suggestion);
  });

  it.each(["", "¡Qué niño, qué pingüino! ¿Y usted?", "€[]", "🎉 漢"])("has nothing to say about %j", (text) => {
    expect(toGsm7Suggestion(text)).toBeNull();
  });

  it("never leaves more outside GSM-7 than there was, and has nothing to add to itself", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 80 }), (text) => {
        const suggestion = toGsm7Suggestion(text);
        if (suggestion === null) return;
        const nfc = text.normalize("NFC");
        expect(countText(suggestion).outsideGsm7.every((character) => nfc.includes(character))).toBe(true);
        expect(toGsm7Suggestion(suggestion)).toBeNull();
      }),
      { numRuns: 2_000 },
    );
  });
});
