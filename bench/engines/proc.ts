import { readdirSync, readFileSync } from "node:fs";
import { childrenOf } from "../../packages/gateway/test/servers/processes.ts";

const MICROSECONDS_PER_TICK = 10_000;
const PAGE_BYTES = 4_096;
/** Of the fields after the name in parentheses: utime, stime, and the same of children that ended and were waited for. */
const OWN_TIME = [11, 12];
const ENDED_CHILDREN_TIME = [13, 14];

function readTicks(pid: number, fields: readonly number[]): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field, the name, may hold spaces; the third comes after its closing parenthesis.
  const values = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields.reduce((sum, field) => sum + Number(values[field]), 0);
}

/**
 * CPU time that all threads of a process have used, user and system.
 *
 * @returns microseconds, in steps of 10,000
 * @see man 5 proc_pid_stat (utime, stime; USER_HZ is 100 on Linux)
 */
export const cpuMicroseconds = (pid: number): number => readTicks(pid, OWN_TIME) * MICROSECONDS_PER_TICK;

/** 0 when it has just ended: its parent counts it then. */
function childTicks(pid: number): number {
  try {
    return readTicks(pid, OWN_TIME);
  } catch {
    return 0;
  }
}

/** The same for a process and all the children it has and had: a PostgreSQL is one process for each connection, and a few more. */
export const familyCpuMicroseconds = (pid: number): number => {
  const children = childrenOf(pid).reduce((sum, child) => sum + childTicks(child), 0);
  return (readTicks(pid, [...OWN_TIME, ...ENDED_CHILDREN_TIME]) + children) * MICROSECONDS_PER_TICK;
};

/**
 * Memory of a process that is in RAM, libraries included.
 *
 * @see man 5 proc_pid_statm (second field, pages)
 */
export const residentBytes = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * PAGE_BYTES;

/** Open file descriptors of a process. */
export const countDescriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;
