import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";

export const SERVER_CORE = 0;
export const LOAD_CORE = 1;

/** Whether the servers and the load can have a core each. */
export const canPin: boolean =
  availableParallelism() > 1 && spawnSync("taskset", ["--version"], { stdio: "ignore" }).status === 0;

const ALL_CORES = `0-${availableParallelism() - 1}`;

/** A command that starts on all cores, wherever this process is kept. */
export const onAllCores = (command: readonly [string, ...string[]]): readonly [string, ...string[]] =>
  canPin ? ["taskset", "-c", ALL_CORES, ...command] : command;

/** Keeps all threads of a running process on one core, where that can be done. */
export function pin(pid: number, core: number): void {
  if (!canPin) return;
  const { status } = spawnSync("taskset", ["-acp", String(core), String(pid)], { stdio: "ignore" });
  if (status !== 0) throw new Error(`taskset could not keep process ${pid} on core ${core}`);
}
