import { readdirSync, readFileSync } from "node:fs";

interface ProcessState {
  /** One letter: `T` is halted; `Z` has ended and nobody has asked for its exit code yet. */
  readonly state: string;
  readonly parent: number;
}

/** What Linux says about a process; `undefined` when there is none, and on systems without `/proc`. */
function readState(pid: number): ProcessState | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name before it is in parentheses and may hold any character.
    const [state = "", parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

/** The processes that a process has started itself; none on systems without `/proc`. */
export function childrenOf(parent: number): readonly number[] {
  try {
    const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    return pids.map(Number).filter((pid) => readState(pid)?.parent === parent);
  } catch {
    return [];
  }
}

/** Whether a process runs or could go on; one that has ended and waits to be reaped could not. */
export const isRunning = (pid: number): boolean => !"ZX".includes(readState(pid)?.state ?? "X");

/** Whether a process does nothing more for now: it is stopped, or has ended. */
export const isHalted = (pid: number): boolean => "TZX".includes(readState(pid)?.state ?? "X");
