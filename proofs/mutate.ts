import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Played } from "./play.ts";
import type { Edit, Row } from "./row.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const OWN_SCOPE = "@mestore";

/** Links what is installed, and this repository's own packages to the copy's. */
function linkModules(copy: string): void {
  const from = join(ROOT, "node_modules");
  const to = join(copy, "node_modules");
  mkdirSync(join(to, OWN_SCOPE), { recursive: true });
  for (const name of readdirSync(from)) {
    if (name !== OWN_SCOPE) symlinkSync(join(from, name), join(to, name));
  }
  for (const folder of readdirSync(join(copy, "packages"))) {
    const { name } = JSON.parse(readFileSync(join(copy, "packages", folder, "package.json"), "utf8")) as {
      name: string;
    };
    symlinkSync(join(copy, "packages", folder), join(to, name));
  }
}

function makeCopy(): string {
  const copy = mkdtempSync(join(tmpdir(), "gateway-mutant-"));
  const isSource = (path: string): boolean => !/\/(node_modules|dist|data)$/.test(path);
  for (const folder of ["packages", "proofs"]) {
    cpSync(join(ROOT, folder), join(copy, folder), { recursive: true, filter: isSource });
  }
  cpSync(join(ROOT, "package.json"), join(copy, "package.json"));
  linkModules(copy);
  return copy;
}

/** @throws when the text to replace is not there exactly once */
function edit(root: string, { file, find, replace }: Edit): string {
  const parts = readFileSync(join(root, file), "utf8").split(find);
  if (parts.length !== 2) throw new Error(`${file} holds ${parts.length - 1} times: ${find}`);
  return parts.join(replace);
}

/**
 * Sees to it that a sabotage still finds its place in the product.
 *
 * @throws when it does not
 */
export function assertApplies({ mutation }: Row): void {
  for (const each of mutation.edits) edit(ROOT, each);
}

async function playCopy(copy: string): Promise<readonly Played[]> {
  const results = join(copy, "results.json");
  const child = spawn(process.execPath, [join(copy, "proofs/run.ts"), "--results", results], {
    cwd: copy,
    stdio: "ignore",
  });
  await once(child, "exit");
  return JSON.parse(readFileSync(results, "utf8")) as readonly Played[];
}

/** What one sabotage came to; no problem when it turned its own row red and no other. */
export interface Mutated {
  readonly id: string;
  readonly why: string;
  readonly red: readonly string[];
  readonly problem: string | null;
}

async function mutate({ id, mutation }: Row): Promise<Mutated> {
  const copy = makeCopy();
  const outcome = { id, why: mutation.why };
  try {
    for (const each of mutation.edits) writeFileSync(join(copy, each.file), edit(copy, each));
    const red = (await playCopy(copy)).filter(({ isGreen }) => !isGreen).map((played) => played.id);
    const isExpected = red.length === 1 && red[0] === id;
    return { ...outcome, red, problem: isExpected ? null : `expected ${id} alone to be red` };
  } catch (error) {
    return { ...outcome, red: [], problem: error instanceof Error ? error.message : String(error) };
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** Applies the sabotage of each row to a copy of the product, one at a time, and plays every row small on it. */
export async function mutateAll(rows: readonly Row[], say: (line: string) => void): Promise<readonly Mutated[]> {
  const all: Mutated[] = [];
  for (const row of rows) {
    say(`${row.id}  ${row.mutation.why}`);
    const mutated = await mutate(row);
    say(`      red: ${mutated.red.join(", ") || "none"}${mutated.problem === null ? "" : `; ${mutated.problem}`}`);
    all.push(mutated);
  }
  return all;
}
