import { readdirSync } from "node:fs";
import { join } from "node:path";

interface Rule {
  readonly matches: RegExp;
  readonly isKept: boolean;
}

const toRegExp = (pattern: string): RegExp => {
  const parts = pattern.split(/(\*\*\/|\*\*|\*|\?)/).map((part) => {
    if (part === "**/") return "(?:.*/)?";
    if (part === "**") return ".*";
    if (part === "*") return "[^/]*";
    return part === "?" ? "[^/]" : part.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  });
  return new RegExp(`^${parts.join("")}$`);
};

const readRules = (text: string): readonly Rule[] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const isKept = line.startsWith("!");
      return { isKept, matches: toRegExp(line.slice(isKept ? 1 : 0).replace(/^\/+|\/+$/g, "")) };
    });

/** The path itself and every folder above it, each relative to the context. */
const lineage = (path: string): readonly string[] =>
  path.split("/").map((_, index, parts) => parts.slice(0, index + 1).join("/"));

/**
 * Reads a `.dockerignore`: the last pattern that matches a path, or a folder above it, decides.
 *
 * @returns tells whether a path, relative to the context, stays out
 * @see https://docs.docker.com/build/concepts/context/#dockerignore-files
 */
export function parseDockerignore(text: string): (path: string) => boolean {
  const rules = readRules(text);
  return (path) => {
    const paths = lineage(path);
    const last = rules.findLast(({ matches }) => paths.some((one) => matches.test(one)));
    return last !== undefined && !last.isKept;
  };
}

/**
 * The files that Docker would be sent, relative to `folder`, whatever git thinks of them. A folder that stays out is not
 * entered: a pattern with `!` for something deep inside it does not count here.
 */
export function listContext(folder: string, isIgnored: (path: string) => boolean): readonly string[] {
  const list = (under: string): readonly string[] =>
    readdirSync(join(folder, under), { withFileTypes: true }).flatMap((entry) => {
      const path = under === "" ? entry.name : `${under}/${entry.name}`;
      if (isIgnored(path)) return [];
      return entry.isDirectory() ? list(path) : [path];
    });
  return list("");
}
