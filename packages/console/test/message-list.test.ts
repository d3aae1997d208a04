import { describe, expect, it } from "vitest";

interface MessageListModule {
  isFor(filter: string, to: string): boolean;
  writeTime(at: string, now: Date, locale: string): string;
}

const module = await import(new URL("../inbox/message-list.js", import.meta.url).href);
const { isFor, writeTime }: MessageListModule = module;

describe("isFor", () => {
  it.each([
    ["", "+573001234567"],
    ["+573001234567", "+573001234567"],
    [" 573001234567", "+573001234567"],
    ["300 123 4567", "+573001234567"],
    ["(300) 123-45", "+573001234567"],
    ["4567", "+573001234567"],
    ["ana@", "Ana@ejemplo.co"],
    ["ANA", "ana@ejemplo.co"],
  ])("finds with %j the message for %s", (filter, to) => {
    expect(isFor(filter, to)).toBe(true);
  });

  it.each([
    ["3009", "+573001234567"],
    ["ana", "+573001234567"],
    ["300", "ana@ejemplo.co"],
    ["luis", "ana@ejemplo.co"],
  ])("passes over with %j the message for %s", (filter, to) => {
    expect(isFor(filter, to)).toBe(false);
  });
});

describe("writeTime", () => {
  const now = new Date(2026, 0, 15, 18, 0, 0);

  it("writes the time alone today", () => {
    expect(writeTime(new Date(2026, 0, 15, 0, 5, 9).toISOString(), now, "es-CO")).toBe("00:05:09");
  });

  it("writes the day as well before", () => {
    const written = writeTime(new Date(2026, 0, 14, 23, 59, 59).toISOString(), now, "en-GB");
    expect(written).toContain("14 Jan");
    expect(written).toContain("23:59:59");
  });
});
