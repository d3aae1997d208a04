import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { isRunning } from "./processes.ts";
import { startRedis } from "./redis.ts";

describe("the end of a Redis of the tests", () => {
  it("leaves no process after stop", async () => {
    const server = await startRedis();
    const { pid } = server;
    expect(isRunning(pid)).toBe(true);
    await server.stop();
    expect(isRunning(pid)).toBe(false);
  });

  it("leaves no process when who started it is killed", async () => {
    const script = `
      import { startRedis } from "${new URL("./redis.ts", import.meta.url).href}";
      const { pid } = await startRedis();
      process.stdout.write(pid + "\\n");
      setInterval(() => undefined, 1000);`;
    const owner = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [said] = await once(owner.stdout, "data");
    const pid = Number(said);
    expect(isRunning(pid)).toBe(true);
    owner.kill("SIGKILL");
    await expect.poll(() => isRunning(pid), { timeout: 10_000 }).toBe(false);
  });
});
