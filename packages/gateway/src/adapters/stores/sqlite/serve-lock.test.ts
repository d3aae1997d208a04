import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { takeServeLock } from "./serve-lock.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "serve-lock-"));
  path = join(folder, "deep", "gateway.db");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Another process that takes the lock and keeps it. */
async function holdElsewhere(): Promise<ChildProcess> {
  const module = new URL("./serve-lock.ts", import.meta.url).href;
  const script = `
    const { takeServeLock } = await import(${JSON.stringify(module)});
    process.stdout.write(takeServeLock(${JSON.stringify(path)}, "process 1, PORT 8000").kind);
    setInterval(() => undefined, 1000);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  expect(said.toString()).toBe("held");
  return child;
}

const kill = async (child: ChildProcess): Promise<void> => {
  child.kill("SIGKILL");
  await once(child, "exit");
};

describe("the right to serve a file", () => {
  it("is for one, and the next one is told who has it", () => {
    const first = takeServeLock(path, "process 7, PORT 8000");
    expect(first.kind).toBe("held");
    expect(takeServeLock(path, "process 8, PORT 8001")).toEqual({ kind: "taken", holder: "process 7, PORT 8000" });
    expect(takeServeLock(path, "process 9, PORT 8002")).toEqual({ kind: "taken", holder: "process 7, PORT 8000" });
  });

  it("is free again when it was released", () => {
    const first = takeServeLock(path, "process 7");
    if (first.kind === "held") first.release();
    const second = takeServeLock(path, "process 8");
    expect(second.kind).toBe("held");
    expect(takeServeLock(path, "process 9")).toEqual({ kind: "taken", holder: "process 8" });
  });

  it("is separate for each file", () => {
    expect(takeServeLock(path, "process 7").kind).toBe("held");
    expect(takeServeLock(join(folder, "other.db"), "process 7").kind).toBe("held");
  });

  it("is free the moment its process is killed", async () => {
    const child = await holdElsewhere();
    expect(takeServeLock(path, "process 2")).toEqual({ kind: "taken", holder: "process 1, PORT 8000" });
    await kill(child);
    expect(takeServeLock(path, "process 2").kind).toBe("held");
  });
});
