import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT, readDoc, readFences, readSteps } from "./markdown.ts";
import { openSession, type Session } from "./session.ts";

/**
 * Runs the `sh` blocks of the documents, in order, each document against a gateway of its own, and compares what they
 * print with the `json`, `http` or `text` block below them. `DOCS_UPDATE=1` writes the outputs instead.
 */
const DOCUMENTS: readonly string[] = [
  "README.md",
  "docs/api.md",
  "docs/integrate.md",
  "docs/simulation.md",
  "docs/webhooks.md",
];
/** Settings that a document asks for. */
const SETTINGS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "docs/webhooks.md": { WEBHOOK_ALLOW_PRIVATE: "true" },
};
const IS_UPDATE = process.env["DOCS_UPDATE"] === "1";
const TEST_MS = 40_000;

/** A block that begins with a file's name is that file. */
const FILE_NAME = /^\/\/ ([\w-]+\.m?[jt]s)\n/;

const titleOf = (commands: string): string => commands.trim().split("\n").at(-1)?.slice(0, 90) ?? "";

describe.each(DOCUMENTS)("%s", (path) => {
  const document = readDoc(path);
  /** What each step printed, by its place in the document. */
  const outputs = new Map<number, string>();
  let session: Session;

  beforeAll(async () => {
    session = await openSession(SETTINGS[path]);
    for (const { text } of readFences(document)) {
      const name = FILE_NAME.exec(text)?.[1];
      if (name !== undefined) session.write(name, text);
    }
  }, TEST_MS);

  afterAll(async () => {
    await session?.stop();
    if (!IS_UPDATE) return;
    const current = readDoc(path);
    const updated = readSteps(current).reduceRight((text, { output }, index) => {
      const shown = outputs.get(index);
      if (output === null || shown === undefined) return text;
      return text.slice(0, output.start) + shown + text.slice(output.end);
    }, current);
    writeFileSync(join(ROOT, path), updated);
  }, TEST_MS);

  for (const [index, { commands, output }] of readSteps(document).entries()) {
    it(
      `runs line ${commands.line}: ${titleOf(commands.text)}`,
      async () => {
        const printed = await session.run(commands.text);
        if (output === null) return;
        const shown = await session.show(printed, output.language);
        if (IS_UPDATE) outputs.set(index, shown);
        else expect(shown).toBe(output.text);
      },
      TEST_MS,
    );
  }
});
