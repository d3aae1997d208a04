import { describe, expect, it } from "vitest";
import { localeOf } from "./locale.ts";

const accepting = (header?: string) => ({ headers: header === undefined ? {} : { "accept-language": header } });

describe("the language of an answer", () => {
  it.each([
    [undefined, "es"],
    ["", "es"],
    ["en", "en"],
    ["en-GB", "en"],
    ["es-CO", "es"],
    ["es-CO,es;q=0.9,en;q=0.8", "es"],
    ["en;q=0.9,es;q=0.8", "en"],
    ["en,es", "en"],
    ["es,en", "es"],
    ["fr,en;q=0.5", "en"],
    ["fr", "es"],
    ["*", "es"],
    ["es;q=0,en", "en"],
    ["en;q=0", "es"],
    [",;=\u0001", "es"],
  ] as const)("for Accept-Language %j is %s", (header, locale) => {
    expect(localeOf(accepting(header), "es")).toBe(locale);
  });

  it("is the configured one unless the other is preferred", () => {
    expect(localeOf(accepting("fr"), "en")).toBe("en");
    expect(localeOf(accepting("es"), "en")).toBe("es");
  });
});
