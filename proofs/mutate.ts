import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Played } from "./play.ts";
import { type Edit, type Engine, type Row, sabotagedEngines } from "./row.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const OWN_SCOPE = "@mestore";
/** Sabotaged products may hang. */
const PLAY_MS = 30 * 60_000;

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

async function playCopy(copy: string, args: readonly string[]): Promise<readonly Played[]> {
  const results = join(copy, "results.json");
  const child = spawn(process.execPath, [join(copy, "proofs/run.ts"), "--results", results, ...args], {
    cwd: copy,
    stdio: "ignore",
    timeout: PLAY_MS,
    killSignal: "SIGKILL",
  });
  await once(child, "exit");
  return (JSON.parse(readFileSync(results, "utf8")) as { readonly played: readonly Played[] }).played;
}

/**
 * A sabotaged row is played on every engine where the sabotage is felt, the others on the first of them; those with
 * faults take minutes in real time, and are left out.
 */
async function playAll(copy: string, row: Row, rows: readonly Row[]): Promise<readonly Played[]> {
  const engines = sabotagedEngines(row);
  const others = rows.filter((each) => each.id !== row.id && each.hasFaults !== true).map(({ id }) => id);
  return [
    ...(await playCopy(copy, ["--engine", engines.join(","), "--only", row.id])),
    ...(await playCopy(copy, ["--engine", engines.slice(0, 1).join(","), "--only", others.join(",")])),
  ];
}

/** What one sabotage came to; no problem when it turned its own row red and no other. */
export interface Mutated {
  readonly id: string;
  readonly why: string;
  readonly engines: readonly Engine[];
  readonly red: readonly string[];
  readonly problem: string | null;
}

function judge(row: Row, played: readonly Played[], rows: readonly Row[]): string | null {
  const unseen = played.filter(({ id, isGreen }) => id === row.id && isGreen).map(({ engine }) => engine);
  if (unseen.length > 0) return `${row.id} stayed green on ${unseen.join(", ")}`;
  const covering = rows.filter(({ covers = [] }) => covers.includes(row.id)).map(({ id }) => id);
  const others = played.filter(({ id, isGreen }) => !isGreen && id !== row.id && !covering.includes(id));
  return others.length === 0 ? null : `${others.map(({ id }) => id).join(", ")} turned red too`;
}

async function mutate(row: Row, rows: readonly Row[]): Promise<Mutated> {
  const { id, mutation } = row;
  const copy = makeCopy();
  const outcome = { id, why: mutation.why, engines: sabotagedEngines(row) };
  try {
    for (const each of mutation.edits) writeFileSync(join(copy, each.file), edit(copy, each));
    const played = await playAll(copy, row, rows);
    const red = played.filter(({ isGreen }) => !isGreen).map((each) => `${each.id} (${each.engine})`);
    return { ...outcome, red, problem: judge(row, played, rows) };
  } catch (error) {
    return { ...outcome, red: [], problem: error instanceof Error ? error.message : String(error) };
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/**
 * Applies the sabotages of some rows to a copy of the product, one at a time, and plays rows small on it.
 *
 * @param all every row there is
 */
export async function mutateAll(
  rows: readonly Row[],
  all: readonly Row[],
  say: (line: string) => void,
): Promise<readonly Mutated[]> {
  const outcomes: Mutated[] = [];
  for (const row of rows) {
    say(`${row.id}  ${row.mutation.why}`);
    const mutated = await mutate(row, all);
    say(`      red: ${mutated.red.join(", ") || "none"}${mutated.problem === null ? "" : `; ${mutated.problem}`}`);
    outcomes.push(mutated);
  }
  return outcomes;
}
