import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ERRORS } from "@mestore/sms-gateway-contract/errors";
import { describe, expect, it } from "vitest";
import { CHECKS } from "../../src/cli/doctor/examine.ts";
import { Env, isSecret, VARIABLE_NAMES } from "../../src/config/variables.ts";
import { MAGIC_NUMBERS } from "../../src/domain/magic-numbers.ts";
import { NOTIFICATIONS } from "../../src/domain/templates.ts";
import { DELIVERY, VERIFIED } from "../../src/http/auth-texts.ts";
import { startGateway } from "../start-gateway.ts";
import { ROOT, readDoc, readTable, replacePart } from "./markdown.ts";

const DOCUMENTS: readonly string[] = [
  "README.md",
  ...readdirSync(join(ROOT, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

const IS_UPDATE = process.env["DOCS_UPDATE"] === "1";

const withoutFences = (document: string): string => document.replace(/^ *```[\s\S]*?^ *```$/gm, "");

/** As GitHub makes them: lower case, signs dropped, spaces to hyphens. */
const anchorsOf = (document: string): readonly string[] =>
  [...withoutFences(document).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );

const linksOf = (document: string): readonly string[] =>
  [...withoutFences(document).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = ""]) =>
    /^[a-z]+:/.test(target) ? [] : [target],
  );

describe.each(DOCUMENTS)("%s", (path) => {
  const document = readDoc(path);

  it("links only to files and headings that exist", () => {
    const broken = linksOf(document).filter((target) => {
      const [file = "", anchor] = target.split("#");
      const linked = file === "" ? path : join(dirname(path), file);
      if (!existsSync(join(ROOT, linked))) return true;
      return anchor !== undefined && !anchorsOf(readDoc(linked)).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  it("quotes only Spanish texts that the gateway says", () => {
    const said = [
      ...Object.values(ERRORS).flatMap(({ es }) => (typeof es === "string" ? [es] : Object.values(es))),
      ...[...Object.values(DELIVERY), ...Object.values(VERIFIED)].map(({ es }) => es),
    ];
    const quotes = [...withoutFences(document).matchAll(/«([^»]+)»/g)].map(([, quote = ""]) => quote);
    expect(quotes.filter((quote) => !said.includes(quote))).toEqual([]);
  });
});

const errorRows = Object.entries(ERRORS).map(([code, { status, es, en }]) => {
  const text = (one: typeof es): string => (typeof one === "string" ? one : one.other);
  return `| ${status} | \`${code}\` | ${text(es)} | ${text(en)} |`;
});

const magicRows = MAGIC_NUMBERS.map(({ number, name, en, behaviour: { answers, receipt } }) => {
  const last = answers.at(-1);
  const code =
    last !== undefined && "code" in last
      ? last.code
      : receipt !== undefined && "code" in receipt
        ? receipt.code
        : undefined;
  return `| \`${number}\` | ${name} | ${en} | ${code === undefined ? "" : `\`${code}\``} |`;
});

const templateRows = Object.entries(NOTIFICATIONS).map(([name, { variables }]) => {
  const list = Object.entries(variables).map(([variable, max]) => `\`${variable}\` ${max}`);
  return `| \`${name}\` | ${list.join(", ")} |`;
});

const table = (headings: readonly string[], rows: readonly string[]): string =>
  [`| ${headings.join(" | ")} |`, `|${"---|".repeat(headings.length)}`, ...rows].join("\n");

describe("parts written from the code; DOCS_UPDATE=1 writes them", () => {
  it.each([
    ["docs/api.md", "errors", table(["status", "code", "Spanish", "English"], errorRows)],
    ["docs/api.md", "templates", table(["template", "variables, longest value"], templateRows)],
    ["docs/simulation.md", "magic-numbers", table(["number", "name", "what happens", "error"], magicRows)],
  ])("%s, %s", (path, name, text) => {
    const written = replacePart(readDoc(path), name, text);
    if (IS_UPDATE) writeFileSync(join(ROOT, path), written);
    else expect(readDoc(path)).toBe(written);
  });
});

describe("docs/configuration.md", () => {
  const rows = readTable(readDoc("docs/configuration.md"), "variable");
  const nameOf = (cell: string | undefined): string => cell?.replaceAll("`", "") ?? "";

  it("lists every variable once", () => {
    expect(rows.map(([name]) => nameOf(name)).sort()).toEqual([...VARIABLE_NAMES].sort());
  });

  it("says the default that an empty environment has", () => {
    const defaults = Env.parse({});
    const wrong = rows.flatMap(([variable, shown = ""]) => {
      const name = nameOf(variable) as keyof typeof defaults;
      const value = defaults[name];
      if (value === undefined || String(value) === "") return [];
      const isFile = typeof value === "object" && "path" in value;
      const expected = isFile ? `\`${value.engine}:${value.path}\`` : `\`${value}\``;
      return shown === expected ? [] : [`${name}: ${shown} is ${expected}`];
    });
    expect(wrong).toEqual([]);
  });

  it("marks the variables that may come from a file", () => {
    const marked = rows.filter(([, , meaning = ""]) => meaning.includes("ᶠ")).map(([name]) => nameOf(name));
    expect(marked.sort()).toEqual(VARIABLE_NAMES.filter(isSecret).sort());
  });
});

describe("docs/security.md", () => {
  it("shows the limits that an empty environment has", () => {
    const defaults = Env.parse({});
    const rows = readTable(readDoc("docs/security.md"), "limit");
    const wrong = rows.flatMap(([, shown = "", variable = ""]) => {
      const name = variable.replaceAll("`", "") as keyof typeof defaults;
      return String(defaults[name]) === shown.replace(/,| .*/g, "") ? [] : [`${name}: ${shown}`];
    });
    expect(rows.length).toBeGreaterThan(8);
    expect(wrong).toEqual([]);
  });
});

describe("docs/troubleshooting.md", () => {
  it("explains every line of doctor", () => {
    const rows = readTable(readDoc("docs/troubleshooting.md"), "line").map(([id]) => id?.replaceAll("`", ""));
    expect(rows).toEqual(["configuration", ...CHECKS.map(({ id }) => id)]);
  });
});

describe("docs/api.md", () => {
  it("names every route", async () => {
    const gateway = await startGateway();
    const { paths } = (await (await fetch(`${gateway.url}/openapi.json`)).json()) as {
      paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    };
    await gateway.stop();
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const document = readDoc("docs/api.md").replaceAll(/:(\w+)/g, "{$1}");
    expect(routes.length).toBeGreaterThan(25);
    expect(routes.filter((route) => !document.includes(`\`${route}\``))).toEqual([]);
  });
});
