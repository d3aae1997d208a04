import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const LAUNCHER = join(import.meta.dirname, "../../bin/sms-gateway.js");
/** Makes a Node say that it is an old one; the Node that the launcher starts in its place is not told. */
const OLD = ["--import", 'data:text/javascript,Object.defineProperty(process.versions,"node",{value:"20.20.2"})'];

/** Each start of a process takes a second or more on a busy machine. */
const STARTING_MS = 30_000;

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "launcher-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const launch = (node: readonly string[], ...args: readonly string[]): ChildProcess =>
  spawn(process.execPath, [...node, LAUNCHER, ...args], {
    cwd: folder,
    env: { PATH: process.env["PATH"], PORT: "0" },
    stdio: ["ignore", "pipe", "pipe"],
  });

async function run(node: readonly string[], ...args: readonly string[]) {
  const child = launch(node, ...args);
  let out = "";
  child.stdout?.on("data", (chunk) => {
    out += String(chunk);
  });
  const [exitCode] = await once(child, "close");
  return { exitCode, out };
}

describe.each<[name: string, node: readonly string[]]>([
  ["a Node that is new enough", []],
  ["an old Node", OLD],
])("the launcher on %s", { timeout: STARTING_MS }, (_, node) => {
  it("runs the command and keeps its exit code", async () => {
    expect(await run(node, "lint", "hola", "--json")).toMatchObject({
      exitCode: 0,
      out: expect.stringContaining("GSM-7"),
    });
    expect(await run(node, "lint", "--file", "nothing.txt")).toMatchObject({ exitCode: 1 });
    expect(await run(node, "lint")).toMatchObject({ exitCode: 2 });
  });

  it("ends quietly when nobody reads what it prints any more", async () => {
    const child = launch(node, "lint", "hola");
    child.stdout?.destroy();
    let complaints = "";
    child.stderr?.on("data", (chunk) => {
      complaints += String(chunk);
    });
    expect(await once(child, "close")).toEqual([0, null]);
    expect(complaints).toBe("");
  });

  it("serves, and stops cleanly when it is told to", async () => {
    const child = launch(node, "serve");
    const [banner] = await once(child.stdout ?? child, "data");
    expect(String(banner)).toContain("MeStore SMS Gateway");
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([0, null]);
  });
});

it("ends with 78 and the names when the configuration cannot be used", { timeout: STARTING_MS }, async () => {
  const child = spawn(process.execPath, [LAUNCHER, "serve"], {
    cwd: folder,
    env: { PORT: "abc" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let err = "";
  child.stderr.on("data", (chunk) => {
    err += String(chunk);
  });
  expect((await once(child, "close"))[0]).toBe(78);
  expect(err).toContain("PORT");
  expect(err).not.toContain("    at ");
});
