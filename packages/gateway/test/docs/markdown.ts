import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The folder that holds README.md and docs/. */
export const ROOT = new URL("../../../../", import.meta.url).pathname;

export const readDoc = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** A fenced block of a document. */
export interface Fence {
  readonly language: string;
  readonly text: string;
  /** Of the opening fence, from 1. */
  readonly line: number;
  /** Where `text` begins and ends in the document. */
  readonly start: number;
  readonly end: number;
}

const FENCE = /^```(\w+)\n([\s\S]*?)^```$/gm;

export function readFences(document: string): readonly Fence[] {
  return [...document.matchAll(FENCE)].map((match) => {
    const [, language = "", text = ""] = match;
    const start = match.index + language.length + "```\n".length;
    const line = document.slice(0, match.index).split("\n").length;
    return { language, text, line, start, end: start + text.length };
  });
}

/** Commands, and what they print when the document says it. */
export interface Step {
  readonly commands: Fence;
  readonly output: Fence | null;
}

const OUTPUTS: readonly string[] = ["json", "http", "text"];

/** Every `sh` block, each with the `json`, `http` or `text` block right below it. */
export function readSteps(document: string): readonly Step[] {
  const fences = readFences(document);
  return fences.flatMap((commands, index) => {
    if (commands.language !== "sh") return [];
    const next = fences[index + 1];
    const isBelow = next !== undefined && document.slice(commands.end, next.start).split("\n").length <= 4;
    return [{ commands, output: isBelow && OUTPUTS.includes(next.language) ? next : null }];
  });
}

/** The rows of every table whose first heading is `heading`, cells trimmed. */
export function readTable(document: string, heading: string): readonly (readonly string[])[] {
  const rows: string[][] = [];
  let isInside = false;
  for (const line of document.split("\n")) {
    const cells = line.startsWith("|")
      ? line
          .slice(1, -1)
          .split(/(?<!\\)\|/)
          .map((cell) => cell.trim())
      : [];
    if (cells.length === 0) isInside = false;
    else if (cells[0] === heading) isInside = true;
    else if (isInside && !/^[-: |]+$/.test(line)) rows.push(cells);
  }
  return rows;
}

/** Where a part that is written from the code stands: between `<!-- name -->` and `<!-- /name -->`. */
export function replacePart(document: string, name: string, text: string): string {
  const part = new RegExp(`(<!-- ${name} -->\n)[\\s\\S]*?(<!-- /${name} -->)`);
  if (!part.test(document)) throw new Error(`no part ${name}`);
  return document.replace(part, (_, open: string, close: string) => `${open}\n${text}\n\n${close}`);
}
