import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, lchownSync, lstatSync, mkdirSync, readdirSync } from "node:fs";
import { basename, dirname, join, posix } from "node:path";
import type { BaseImage } from "./base-image.ts";
import type { Command, Instruction, Stage } from "./dockerfile.ts";

/** Who runs a command; undefined is whoever runs the tests, who can be nobody else without being root. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** What is left of a stage when every instruction was replayed. */
export interface Image {
  /** The folder that stands for `/`. */
  readonly root: string;
  readonly workdir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly healthcheck: readonly string[];
  readonly volumes: readonly string[];
}

export interface ReplayInput {
  readonly stages: readonly Stage[];
  readonly context: { readonly folder: string; readonly files: readonly string[] };
  readonly base: BaseImage;
  /** Empty; each stage gets a folder in it. */
  readonly folder: string;
}

/** What an instruction may look at besides its own stage. */
interface Surroundings extends Pick<ReplayInput, "context" | "base"> {
  /** Of the stages before, by alias. */
  readonly roots: ReadonlyMap<string, string>;
}

const IS_ROOT = process.getuid?.() === 0;
/** `nobody`. A stage whose USER is root runs as this: no command of the Dockerfile may need more. */
const UNPRIVILEGED: Account = { uid: 65_534, gid: 65_534 };
const ROOT_ACCOUNT: Account = { uid: 0, gid: 0 };

/** @throws for a name: only numbers are the same in every image */
export function toAccount(user: string): Account {
  const [, uid, gid] = /^(\d+):(\d+)$/.exec(user) ?? [];
  if (uid === undefined || gid === undefined) throw new Error(`${user} is not uid:gid in numbers`);
  return { uid: Number(uid), gid: Number(gid) };
}

function chownAll(path: string, account: Account): void {
  if (!IS_ROOT) return;
  lchownSync(path, account.uid, account.gid);
  if (!lstatSync(path).isDirectory()) return;
  for (const name of readdirSync(path)) chownAll(join(path, name), account);
}

/** Starts a program in an image: its folder, its environment and nothing of the machine's, as its user. */
export function startIn(
  { root, workdir, env }: Pick<Image, "root" | "workdir" | "env">,
  args: readonly string[],
  { account, more = {} }: { readonly account: Account; readonly more?: Readonly<Record<string, string>> },
): ChildProcess {
  // The machine has no folder of the image's: a path from the root would lead out of it.
  const strays = args.flatMap((arg) => arg.match(/(?<![\w.:/}])\/(app|data)\b[^\s"']*/g) ?? []);
  if (strays.length > 0) throw new Error(`cannot be replayed, write it relative to WORKDIR: ${strays.join(" ")}`);
  const [program = "", ...rest] = args;
  return spawn(program, rest, {
    cwd: join(root, workdir),
    env: { ...env, ...more },
    stdio: ["ignore", "pipe", "pipe"],
    ...(IS_ROOT ? account : {}),
  });
}

/** Waits for the end of a program; says what it wrote, both streams, and how it ended. */
export async function finish(child: ChildProcess): Promise<{ readonly code: number | null; readonly said: string }> {
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  const [code] = (await once(child, "close")) as [number | null];
  return { code, said };
}

const execArgs = (command: Command, name: string): readonly string[] => {
  if (command.form === "shell") throw new Error(`${name} in shell form: signals would end at the shell`);
  return command.args;
};

type Copy = Extract<Instruction, { readonly name: "COPY" }>;

interface CopyJob {
  readonly source: string;
  readonly target: string;
}

/** From an earlier stage everything comes; from the context the files that are in it. */
function planCopy({ paths, from }: Copy, image: Image, { context, roots }: Surroundings): readonly CopyJob[] {
  const sources = paths.slice(0, -1).map((path) => posix.normalize(path).replace(/\/$/, ""));
  const written = paths.at(-1) ?? "";
  if (sources.length === 0 || /[*?[]/.test(sources.join(""))) throw new Error(`COPY ${paths.join(" ")}: not read here`);
  const target = join(image.root, posix.resolve(image.workdir, written));
  const intoFolder = written.endsWith("/") || sources.length > 1;
  const stageRoot = from === undefined ? undefined : roots.get(from);
  if (from !== undefined && stageRoot === undefined) throw new Error(`COPY --from=${from}: no such stage`);
  const jobs = sources.flatMap((path): readonly CopyJob[] => {
    if (stageRoot !== undefined) return [{ source: join(stageRoot, path), target }];
    const file = { source: join(context.folder, path), target: intoFolder ? join(target, basename(path)) : target };
    if (context.files.includes(path)) return [file];
    const inside = context.files.filter((one) => one.startsWith(`${path}/`));
    return inside.map((one) => ({
      source: join(context.folder, one),
      target: join(target, posix.relative(path, one)),
    }));
  });
  if (jobs.length < sources.length) throw new Error(`COPY ${paths.join(" ")}: not in the context`);
  return jobs;
}

function copy(instruction: Copy, image: Image, surroundings: Surroundings): void {
  const account = instruction.owner === undefined ? ROOT_ACCOUNT : toAccount(instruction.owner);
  for (const { source, target } of planCopy(instruction, image, surroundings)) {
    const isNew = !existsSync(target);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(source, target, { recursive: true, verbatimSymlinks: true });
    if (isNew || !lstatSync(target).isDirectory()) chownAll(target, account);
    // A folder that was there keeps its owner.
    else for (const name of readdirSync(target)) chownAll(join(target, name), account);
  }
}

/** Runs one RUN and waits. @throws with everything it printed when it fails */
async function run(command: Command, image: Image, network: Readonly<Record<string, string>>): Promise<void> {
  const args = command.form === "exec" ? command.args : ["/bin/sh", "-c", command.text];
  const account = image.user === "0:0" ? UNPRIVILEGED : toAccount(image.user);
  const home = join(image.root, "root");
  mkdirSync(home, { recursive: true });
  if (image.user === "0:0") chownAll(image.root, account);
  const { code, said } = await finish(startIn(image, args, { account, more: { ...network, HOME: home } }));
  if (code !== 0) throw new Error(`RUN ${args.join(" ")} ended with ${code}:\n${said}`);
}

/**
 * Does what `docker build` would do, in folders: every stage has one that stands for its `/`. RUN runs for real, with an
 * empty environment, as somebody who is not root; COPY sees the files that `.dockerignore` lets through. What a folder
 * cannot show stays unproven: the base image's own files, and that nothing else of the machine is needed.
 *
 * @returns the last stage
 */
export async function replay({ stages, context, base, folder }: ReplayInput): Promise<Image> {
  const roots = new Map<string, string>();
  let image: Image | undefined;
  for (const [index, stage] of stages.entries()) {
    const root = join(folder, `stage-${index}`);
    mkdirSync(root);
    if (stage.alias !== null) roots.set(stage.alias, root);
    image = {
      root,
      workdir: "/",
      env: { PATH: `${base.binFolder}:/usr/bin:/bin` },
      user: "0:0",
      entrypoint: [],
      cmd: [],
      healthcheck: [],
      volumes: [],
    };
    for (const instruction of stage.instructions) image = await apply(instruction, image, { context, base, roots });
  }
  if (image === undefined) throw new Error("no stage");
  return image;
}

async function apply(instruction: Instruction, image: Image, surroundings: Surroundings): Promise<Image> {
  switch (instruction.name) {
    case "WORKDIR": {
      const workdir = posix.resolve(image.workdir, instruction.value);
      mkdirSync(join(image.root, workdir), { recursive: true });
      return { ...image, workdir };
    }
    case "COPY":
      copy(instruction, image, surroundings);
      return image;
    case "RUN":
      await run(instruction.command, image, surroundings.base.network);
      return image;
    case "ENV":
      return { ...image, env: { ...image.env, ...instruction.values } };
    case "USER":
      return { ...image, user: instruction.value };
    case "ENTRYPOINT":
      return { ...image, entrypoint: execArgs(instruction.command, "ENTRYPOINT") };
    case "CMD":
      return { ...image, cmd: execArgs(instruction.command, "CMD") };
    case "HEALTHCHECK":
      return { ...image, healthcheck: execArgs(instruction.command, "HEALTHCHECK") };
    case "VOLUME":
      return { ...image, volumes: instruction.values };
    default:
      return image;
  }
}
