import { readdir, readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";

const folder = new URL("../inbox/", import.meta.url);

type Texts = Readonly<Record<string, Readonly<Record<"es" | "en", string>>>>;

interface TextsModule {
  readonly TEXTS: Texts;
  speak(language: "es" | "en"): (key: string, values?: Readonly<Record<string, string | number>>) => string;
}

const { TEXTS, speak }: TextsModule = await import(new URL("texts.js", folder).href);
const html = await readFile(new URL("index.html", folder), "utf8");

const placeholders = (text: string | undefined) => [...(text ?? "").matchAll(/\{\w+\}/g)].map(String).sort();

describe("the texts of the page", () => {
  it.each(Object.entries(TEXTS))("has %s in both languages, with the same placeholders", (_, { es, en }) => {
    expect(es).toMatch(/\S/);
    expect(en).toMatch(/\S/);
    expect(placeholders(es)).toEqual(placeholders(en));
  });

  it("is written in Spanish before any script has run", () => {
    const elements = [...html.matchAll(/data-text="(\w+)"[^>]*>([^<]*)</g)];
    expect(elements.length).toBeGreaterThan(30);
    for (const [, key = "", text] of elements) expect(text, key).toBe(TEXTS[key]?.es);
    for (const [, key = ""] of html.matchAll(/data-text-\w+="(\w+)"/g)) expect(TEXTS, key).toHaveProperty(key);
  });

  it("fills placeholders, and leaves one without a value as it is", () => {
    expect(speak("es")("copyCode", { code: "012345" })).toBe("Copiar el código 012345");
    expect(speak("en")("copyCode")).toBe("Copy the code {code}");
  });

  it("has no text that nobody shows", async () => {
    const scripts = (await readdir(folder)).filter((name) => name.endsWith(".js") && name !== "texts.js");
    const sources = await Promise.all(scripts.map((name) => readFile(new URL(name, folder), "utf8")));
    const computed = /^(channel|state)_/;
    const states = ["live", "connecting", "disconnected", "locked", "absent"];
    const used = (key: string) => html.includes(`"${key}"`) || sources.some((source) => source.includes(`"${key}"`));
    expect(Object.keys(TEXTS).filter((key) => !computed.test(key) && !states.includes(key) && !used(key))).toEqual([]);
  });
});

describe("the page's files", () => {
  it("hold neither inline scripts nor inline styles, which the gateway's policy refuses", () => {
    expect(html).not.toMatch(/<script(?![^>]*\ssrc=)/);
    expect(html).not.toMatch(/<style|\sstyle=|\son\w+=/);
  });

  it("are all there", async () => {
    const names = await readdir(folder);
    const linked = [...html.matchAll(/(?:src|href)="\.\/inbox\/([^"]+)"/g)].map(([, name]) => name);
    expect(linked.length).toBeGreaterThan(4);
    expect(names).toEqual(expect.arrayContaining(linked));
  });
});
