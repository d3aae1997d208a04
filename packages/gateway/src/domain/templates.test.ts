import type { ErrorCode } from "@mestore/sms-gateway-contract/errors";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AppError } from "./app-error.ts";
import { countText, isBasicGsm7 } from "./segments.ts";
import {
  lintText,
  NOTIFICATIONS,
  type NotificationText,
  otpBrandProblems,
  renderEndedVoice,
  renderNotification,
  renderOtp,
  renderOtpEmail,
  renderOtpVoice,
  renderTextVoice,
} from "./templates.ts";

const LOCALES = ["es", "en"] as const;
const OTP = { brand: "MeStore", code: "123456", minutes: 10, locale: "es" } as const;

const BASIC = Array.from({ length: 0x400 }, (_, code) => String.fromCharCode(code)).filter(
  (character) => isBasicGsm7(character) && character >= " ",
);
const word = (units: string, min: number, max: number) =>
  fc.string({ unit: fc.constantFrom(...units), minLength: min, maxLength: max });
const host = fc
  .tuple(fc.array(word("abcz019", 1, 12), { minLength: 1, maxLength: 5 }), fc.constantFrom("co", "com", "shop"))
  .map(([labels, tld]) => [...labels, tld].join("."));

describe("the SMS with a code", () => {
  it("reads as designed", () => {
    expect(renderOtp(OTP)).toBe("MeStore: 123456 es tu clave. Vence en 10 min. No la compartas.");
    expect(renderOtp({ ...OTP, locale: "en" })).toBe("MeStore code: 123456. Expires in 10 min. Do not share it.");
  });

  it.each(LOCALES)("ends with the line that binds the code to a host (%s)", (locale) => {
    const lines = renderOtp({ ...OTP, locale, webotpHost: "mestore.co" }).split("\n");
    expect(lines.slice(1)).toEqual(["", "@mestore.co #123456"]);
  });

  it.each([
    [10, "10"],
    [9.01, "10"],
    [1.5, "2"],
    [1, "1"],
    [0.2, "1"],
    [0, "1"],
    [-3, "1"],
  ])("says %d minutes of life as %s min", (minutes, said) => {
    expect(renderOtp({ ...OTP, minutes })).toContain(`Vence en ${said} min.`);
    expect(renderOtp({ ...OTP, minutes, locale: "en" })).toContain(`Expires in ${said} min.`);
  });

  it("is one GSM-7 segment for every brand and host that pass, ten digits and ten minutes, in both languages", () => {
    const brand = fc.string({ unit: fc.constantFrom(...BASIC), minLength: 1, maxLength: 90 });
    let passed = 0;
    fc.assert(
      fc.property(brand, fc.option(host, { nil: undefined }), (b, h) => {
        if (otpBrandProblems(b, h).length > 0) return;
        passed++;
        for (const locale of LOCALES) {
          const text = renderOtp({ brand: b, code: "0123456789", minutes: 10, locale, webotpHost: h });
          expect(countText(text)).toMatchObject({ encoding: "GSM-7", segments: 1 });
        }
      }),
      { numRuns: 1_000 },
    );
    expect(passed).toBeGreaterThan(200);
  });

  it("fills a segment to the last septet at the limit, and the limit is not stricter than it must be", () => {
    const webotpHost = "mestore.com.co";
    const brand = "B".repeat(86 - webotpHost.length);
    expect(otpBrandProblems(brand, webotpHost)).toEqual([]);
    expect(countText(renderOtp({ ...OTP, code: "0123456789", brand, webotpHost })).units).toBe(160);
  });

  it("takes each value as it is, also one that looks like a placeholder or a pattern", () => {
    expect(renderOtp({ ...OTP, brand: "$& $1 %s" })).toBe(
      "$& $1 %s: 123456 es tu clave. Vence en 10 min. No la compartas.",
    );
    expect(renderOtp({ ...OTP, brand: "{code}" })).toMatch(/^\{code\}: 123456 es/);
  });
});

describe("the brand", () => {
  it.each(["MeStore", "Café & Piñata 24/7", "B".repeat(86), "é ñ ü ¿ ¡"])("takes %j", (brand) => {
    expect(otpBrandProblems(brand)).toEqual([]);
  });

  it.each([
    ["Bogotá", '"á"'],
    ["Tienda €", '"€"'],
    ["[Me]", '"[", "]"'],
    ["Me😀Store", '"😀"'],
    ["Me\nStore", "U+000A"],
    ["Me\r\nStore", "U+000D, U+000A"],
    ["Me\u200bStore", "U+200B"],
    ["ááá", '"á"'],
  ])("refuses %j and names the letters", (brand, named) => {
    expect(otpBrandProblems(brand)).toEqual([`the brand has ${named}, outside the basic GSM-7 alphabet`]);
  });

  it("counts brand and host together", () => {
    expect(otpBrandProblems("B".repeat(76), "mestore.co")).toEqual([]);
    expect(otpBrandProblems("B".repeat(77), "mestore.co")).toEqual([
      "the brand and the WebOTP host take 87 characters together, and 86 fit",
    ]);
    expect(otpBrandProblems("B".repeat(87))).toHaveLength(1);
  });

  it.each(["", "   "])("refuses the empty brand %j", (brand) => {
    expect(otpBrandProblems(brand)).toEqual(["the brand is empty"]);
  });

  it.each([
    "https://mestore.co",
    "mestore.co/x",
    "mestore",
    "MeStore.co",
    "me store.co",
    "mestore.co:443",
    "@x.co",
    "",
  ])("refuses %j as WebOTP host", (webotpHost) => {
    expect(otpBrandProblems("MeStore", webotpHost)).toEqual(["the WebOTP host is not a host name"]);
  });

  it("reports all problems at once", () => {
    expect(otpBrandProblems("á".repeat(90), "x y")).toHaveLength(3);
  });
});

describe("the e-mail with a code", () => {
  it.each(LOCALES)("shows code, life and brand in text and HTML, and no code in the subject (%s)", (locale) => {
    const { subject, text, html } = renderOtpEmail({ ...OTP, locale, minutes: 9.5 });
    expect(subject).toContain("MeStore");
    expect(subject).not.toContain("123456");
    for (const body of [text, html]) {
      expect(body).toContain("123456");
      expect(body).toContain("10 min");
      expect(body).toContain("MeStore");
      expect(body).not.toMatch(/\{\w+\}/);
    }
    expect(html).toContain(`<html lang="${locale}">`);
    expect(html.slice(0, html.indexOf("</title>"))).not.toContain("123456");
  });

  it("speaks the language it is asked for", () => {
    expect(renderOtpEmail(OTP).subject).toBe("Su código de verificación de MeStore");
    expect(renderOtpEmail({ ...OTP, locale: "en" }).subject).toBe("Your MeStore verification code");
  });

  it("escapes the brand in HTML and leaves it alone in text", () => {
    const brand = `<b onclick="x('y')">&{code}`;
    const { text, html } = renderOtpEmail({ ...OTP, brand });
    expect(html).not.toContain("<b ");
    expect(html).toContain("&lt;b onclick=&quot;x(&#39;y&#39;)&quot;&gt;&amp;{code}");
    expect(text).toContain(brand);
  });

  it("loads nothing from anywhere", () => {
    expect(renderOtpEmail(OTP).html).not.toMatch(/https?:|<img|<link|<script|url\(/);
  });
});

const SHIPPED = { order: "A-1001", carrier: "Servientrega", tracking: "2053 778 912" };

function refusal(text: Partial<NotificationText>): ErrorCode | string {
  try {
    return renderNotification({ name: "order_shipped", variables: SHIPPED, locale: "es", brand: "MeStore", ...text });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { es, en } = error.details.problem ?? {};
    expect(es).not.toBe(en);
    expect(es?.length).toBeGreaterThan(10);
    expect(en?.length).toBeGreaterThan(10);
    return error.code;
  }
}

describe("notifications", () => {
  it.each(Object.entries(NOTIFICATIONS))("%s has both texts with the same variables", (_, template) => {
    const names = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();
    const wanted = ["brand", ...Object.keys(template.variables)].sort();
    expect(names(template.es)).toEqual(wanted);
    expect(names(template.en)).toEqual(wanted);
    expect(template.es).not.toBe(template.en);
  });

  it.each(Object.entries(NOTIFICATIONS))("%s is one GSM-7 segment with the longest values", (name, template) => {
    const variables = Object.fromEntries(
      Object.entries(template.variables).map(([key, max]) => [key, "á".repeat(max)]),
    );
    for (const locale of LOCALES) {
      const text = renderNotification({ name, variables, locale, brand: "B".repeat(20) });
      expect([text, countText(text)]).toMatchObject([text, { encoding: "GSM-7", segments: 1 }]);
    }
  });

  it("reads as written, values trimmed and without the accents that cost", () => {
    expect(
      renderNotification({
        name: "order_shipped",
        variables: { ...SHIPPED, carrier: " Envía Niño " },
        locale: "es",
        brand: "MeStore",
      }),
    ).toBe("MeStore: su pedido A-1001 va en camino con Envia Niño. Rastreo: 2053 778 912");
    expect(
      renderNotification({
        name: "account_alert",
        variables: { when: "1 Jan 12:00", place: "Cali" },
        locale: "en",
        brand: "MeStore",
      }),
    ).toBe("MeStore: new sign-in to your account, 1 Jan 12:00, from Cali. If it was not you, change your password.");
  });

  it("never fills a value into another", () => {
    const text = refusal({ variables: { ...SHIPPED, order: "{carrier}{brand}$&" } });
    expect(text).toBe("MeStore: su pedido {carrier}{brand}$& va en camino con Servientrega. Rastreo: 2053 778 912");
  });

  it.each(["order_lost", "", "toString", "__proto__", "constructor"])("refuses the template %j", (name) => {
    expect(refusal({ name })).toBe("fields_invalid");
  });

  it.each([
    ["a missing variable", { order: "1", carrier: "x" }],
    ["no variable", {}],
    ["an unknown variable", { ...SHIPPED, name: "Ana" }],
    ["one variable for another", { order: "1", carrier: "x", name: "Ana" }],
    ["an empty value", { ...SHIPPED, order: "" }],
    ["a blank value", { ...SHIPPED, order: "  " }],
    ["a value that is too long", { ...SHIPPED, order: "x".repeat(21) }],
    ["a newline", { ...SHIPPED, order: "1\n@evil.co #123456" }],
    ["a newline at the end", { ...SHIPPED, order: "1\n" }],
    ["a carriage return", { ...SHIPPED, order: "1\r2" }],
    ["a tab", { ...SHIPPED, order: "1\t2" }],
    ["a NUL", { ...SHIPPED, order: "1\0" }],
    ["a line separator", { ...SHIPPED, order: "1\u20282" }],
    ["a direction override", { ...SHIPPED, order: "\u202e1" }],
    ["a zero-width space", { ...SHIPPED, order: "1\u200b" }],
    ["a lone surrogate", { ...SHIPPED, order: "1\ud83d" }],
  ])("refuses %s", (_, variables) => {
    expect(refusal({ variables })).toBe("fields_invalid");
  });

  it("keeps whatever a caller writes on one line", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 25 }), (order) => {
        const text = refusal({ variables: { ...SHIPPED, order } });
        expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("lint", () => {
  it("has nothing against a text of one GSM-7 segment", () => {
    expect(lintText("Su pedido va en camino")).toEqual({
      encoding: "GSM-7",
      segments: 1,
      units: 22,
      unitsPerSegment: 160,
      outsideGsm7: [],
      suggestion: null,
      suggestionSegments: null,
    });
  });

  it("halves the price of a text with accents", () => {
    const text = "Su código de verificación es 123456. Por su seguridad no lo comparta con nadie, ni con nosotros.";
    expect(lintText(text)).toEqual({
      encoding: "UCS-2",
      segments: 2,
      units: text.length,
      unitsPerSegment: 67,
      outsideGsm7: ["ó"],
      suggestion: text.replaceAll("ó", "o"),
      suggestionSegments: 1,
    });
  });

  it("counts variables at their longest and leaves them in the suggestion", () => {
    const report = lintText("Señor {name}, su código es {code}", { name: "x".repeat(200), code: "0123456789" });
    expect(report).toMatchObject({
      suggestion: "Señor {name}, su codigo es {code}",
      units: 231,
      segments: 4,
      suggestionSegments: 2,
    });
  });

  it("sees what a variable brings", () => {
    expect(lintText("Hola {name}", { name: "José María" })).toMatchObject({
      encoding: "UCS-2",
      outsideGsm7: ["í"],
      suggestion: null,
    });
  });

  it("counts a variable without a value as it is written", () => {
    expect(lintText("Hola {name}")).toMatchObject({ encoding: "GSM-7", units: 13, suggestion: null });
  });

  it("reports a text too long to be sent instead of refusing it", () => {
    expect(lintText("a".repeat(1_600))).toMatchObject({ segments: 11 });
  });
});

describe("the call with a code", () => {
  const saysOf = ({ segments }: ReturnType<typeof renderOtpVoice>) =>
    segments.flatMap((segment) => ("say" in segment ? [segment.say] : []));

  it("reads as designed: each digit alone, twice, and how long it counts", () => {
    expect(saysOf(renderOtpVoice({ ...OTP, code: "4829" }))).toEqual([
      "Hola. Le llamamos de MeStore. Su código de verificación es:",
      ...["4", "8", "2", "9"],
      "Repito. Su código es:",
      ...["4", "8", "2", "9"],
      "Vence en 10 minutos.",
      "No lo comparta con nadie. Hasta luego.",
    ]);
    expect(saysOf(renderOtpVoice({ ...OTP, code: "48", locale: "en" }))).toEqual([
      "Hello. This is MeStore. Your verification code is:",
      ...["4", "8"],
      "Once more. Your code is:",
      ...["4", "8"],
      "It expires in 10 minutes.",
      "Do not share it with anyone. Goodbye.",
    ]);
  });

  it("leaves a second after each digit, and before the first word", () => {
    const { segments } = renderOtpVoice(OTP);
    expect(segments[0]).toEqual({ pauseSeconds: 1 });
    for (const [at, segment] of segments.entries()) {
      if ("say" in segment && /^\d$/.test(segment.say)) expect(segments[at + 1]).toEqual({ pauseSeconds: 1 });
    }
  });

  it.each([
    [0.2, "Vence en un minuto."],
    [1, "Vence en un minuto."],
    [1.01, "Vence en 2 minutos."],
  ])("says whole minutes: %d", (minutes, life) => {
    expect(saysOf(renderOtpVoice({ ...OTP, minutes }))).toContain(life);
  });

  it("has no digit once nobody can use the code", () => {
    for (const locale of LOCALES) {
      const [said = "", ...others] = saysOf(renderEndedVoice({ brand: "MeStore", locale }));
      expect([said.includes("MeStore"), /\d/.test(said), others]).toEqual([true, false, []]);
    }
  });

  it("says a notification twice", () => {
    expect(saysOf(renderTextVoice({ text: "Su pedido llega hoy.", locale: "es" }))).toEqual([
      "Su pedido llega hoy.",
      "Su pedido llega hoy.",
    ]);
  });
});
