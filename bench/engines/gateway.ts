import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Server, startServer } from "./child.ts";
import { cpuMicroseconds, familyCpuMicroseconds } from "./proc.ts";
import type { Home } from "./servers.ts";
import { hasPostgres, type Setup } from "./setups.ts";

const MAIN = new URL("../../packages/gateway/src/main.ts", import.meta.url).pathname;
const UNGROUPED = new URL("../../packages/gateway/test/serve-for-bench.ts", import.meta.url).pathname;

/** Every limit counts and none refuses: each number is used once, what they share is raised. */
const RAISED_LIMITS = {
  SMS_RATE_LIMIT_GLOBAL: "1000000",
  SMS_RATE_LIMIT_PER_BLOCK: "100000",
  SMS_RATE_LIMIT_PER_CLIENT: "100000",
} as const;

export type Role = "all" | "api" | "worker";

export interface GatewayProgram {
  readonly home: Home;
  readonly role: Role;
  readonly isGrouped?: boolean;
  readonly nodeOptions?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly onLine?: (line: string) => void;
}

/** Starts what `npm start` starts, in development. */
export function startGateway(program: GatewayProgram): Promise<Server> {
  const { home, role, isGrouped = true, nodeOptions = [], env = {}, onLine } = program;
  return startServer({
    args: [...nodeOptions, ...(isGrouped ? [MAIN, "serve", "--role", role] : [UNGROUPED, role, "1"])],
    cwd: home.folder,
    env: { ...home.env, TRUST_PROXY: "127.0.0.1", ...RAISED_LIMITS, ...env },
    ...(onLine === undefined ? {} : { onLine }),
  });
}

/** The role of the processes that are measured. */
export const roleOf = ({ engine }: Setup): Role => (hasPostgres(engine) ? "api" : "all");

/** The API key that a first start in development made. */
export function readDevelopmentKey({ folder }: Home): string {
  const secrets: unknown = JSON.parse(readFileSync(join(folder, "data", "secrets.json"), "utf8"));
  if (typeof secrets === "object" && secrets !== null && "developmentKey" in secrets) {
    return String(secrets.developmentKey);
  }
  throw new Error("the gateway made no development key");
}

/** CPU time by kind of process, in microseconds. */
export type CpuTimes = Readonly<Record<string, number>>;

/** What the kinds of processes behind an answer have used so far, and this process, the load generator. */
export function readCpu(processes: readonly Server[], { postgresPid, redis }: Home): CpuTimes {
  const { user, system } = process.cpuUsage();
  return {
    api: processes.reduce((sum, { pid }) => sum + cpuMicroseconds(pid), 0),
    ...(postgresPid === null ? {} : { postgres: familyCpuMicroseconds(postgresPid) }),
    ...(redis === null ? {} : { redis: cpuMicroseconds(redis.pid) }),
    load: user + system,
  };
}

/** The CPU time between two readings, shared out over requests. */
export const cpuPerRequest = (before: CpuTimes, after: CpuTimes, requests: number): CpuTimes =>
  Object.fromEntries(Object.entries(after).map(([kind, time]) => [kind, (time - (before[kind] ?? 0)) / requests]));
