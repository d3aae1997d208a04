import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/**
 * Builds what is published: `packages/<name>/dist`, a complete package with its own package.json, whose `exports` lead
 * to JavaScript and declarations. In the workspace `exports` lead to the TypeScript sources, and npm cannot rewrite them
 * when it publishes. Publish with `npm publish packages/<name>/dist`.
 */

const ROOT = dirname(import.meta.dirname);
const PUBLISHED = ["contract", "client", "gateway"] as const;

interface Manifest {
  readonly name: string;
  readonly exports?: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly devDependencies?: unknown;
  readonly scripts?: unknown;
}

/** `./src/errors.ts` is `./errors.d.ts` and `./errors.js` in the published package. */
function toPublishedExport(source: string): object {
  const built = source.replace(/^\.\/src\//, "./").replace(/\.ts$/, "");
  return { types: `${built}.d.ts`, default: `${built}.js` };
}

function toPublished({ devDependencies, scripts, exports, ...kept }: Manifest): object {
  if (exports === undefined) return kept;
  const published = Object.entries(exports).map(([path, source]) => [path, toPublishedExport(source)]);
  return { ...kept, exports: Object.fromEntries(published) };
}

/** Commands import the program from `../src`, which is the root of the published package. */
function copyCommand(from: string, to: string): void {
  cpSync(from, to);
  writeFileSync(to, readFileSync(from, "utf8").replaceAll(/\.\.\/src\/([\w/-]+)\.ts/g, "../$1.js"));
}

function assemble(name: string): void {
  const folder = join(ROOT, "packages", name);
  const dist = join(folder, "dist");
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
  cpSync(join(folder, "src"), dist, { recursive: true, filter: (file) => !file.endsWith(".ts") });
  for (const file of Object.values(manifest.bin ?? {})) copyCommand(join(folder, file), join(dist, file));
  for (const file of [join(folder, "README.md"), join(ROOT, "LICENSE")]) {
    if (existsSync(file)) cpSync(file, join(dist, basename(file)));
  }
  writeFileSync(join(dist, "package.json"), `${JSON.stringify(toPublished(manifest), null, 2)}\n`);
  process.stdout.write(`${manifest.name} -> packages/${name}/dist\n`);
}

for (const name of PUBLISHED) rmSync(join(ROOT, "packages", name, "dist"), { recursive: true, force: true });
const compiled = spawnSync("tsc", ["--build", "--force", "tsconfig.build.json"], { cwd: ROOT, stdio: "inherit" });
if (compiled.status !== 0) process.exit(1);
for (const name of PUBLISHED) assemble(name);
