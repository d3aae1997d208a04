import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { findPostgresPrograms } from "../packages/gateway/test/servers/postgres-programs.ts";

/** A program outside npm that the tests start. */
interface MachinePart {
  /** Names it goes by; the first one found on the `PATH` counts. */
  readonly commands: readonly string[];
  /** The Debian package that brings it. */
  readonly aptPackage: string;
  readonly usedFor: string;
  /** Looks for it in its own way, where the `PATH` does not say all. */
  readonly isHere?: () => boolean;
}

const MACHINE_PARTS: readonly MachinePart[] = [
  {
    commands: ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"],
    aptPackage: "chromium",
    usedFor: "pages in a real browser",
  },
  { commands: ["strace"], aptPackage: "strace", usedFor: "counting the writes that reach the disk" },
  { commands: ["curl"], aptPackage: "curl", usedFor: "the commands of the documents" },
  { commands: ["jq"], aptPackage: "jq", usedFor: "the commands of the documents" },
  { commands: ["redis-server"], aptPackage: "redis-server", usedFor: "a real Redis" },
  {
    commands: ["postgres"],
    aptPackage: "postgresql",
    usedFor: "a real PostgreSQL",
    isHere: () => findPostgresPrograms() !== undefined,
  },
  { commands: ["faketime"], aptPackage: "faketime", usedFor: "clocks that jump" },
];

/**
 * Keeps the installer from starting the services that it installs: the tests start servers of their own, and nobody asked for
 * one on port 5432 or 6379. The first is for systemd, the second for machines without it.
 *
 * @see https://systemd.io/ENVIRONMENT, `runlevel(8)` and `invoke-rc.d(8)`
 */
const NO_SERVICES = { SYSTEMD_OFFLINE: "1", RUNLEVEL: "1" };

function isRunnable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const isOnPath = (command: string): boolean =>
  (process.env.PATH ?? "").split(delimiter).some((folder) => folder !== "" && isRunnable(join(folder, command)));

const isHere = (part: MachinePart): boolean => part.isHere?.() ?? part.commands.some(isOnPath);

const missingParts = (): readonly MachinePart[] => MACHINE_PARTS.filter((part) => !isHere(part));

/** Runs a command without input and shows its output; answers whether it ended well. */
function run(command: string, args: readonly string[]): boolean {
  process.stdout.write(`$ ${command} ${args.join(" ")}\n`);
  const env = { ...process.env, ...NO_SERVICES, DEBIAN_FRONTEND: "noninteractive" };
  return spawnSync(command, args, { stdio: ["ignore", "inherit", "inherit"], env }).status === 0;
}

function install(parts: readonly MachinePart[]): void {
  const packages = parts.map((part) => part.aptPackage);
  process.stdout.write(`Installing what the tests need: ${packages.join(", ")}\n`);
  if (!run("apt-get", ["update"])) process.stdout.write("apt-get update failed; trying with the lists that are here\n");
  run("apt-get", ["install", "--yes", "--no-install-recommends", ...packages]);
}

/**
 * Sees to it that the programs which the tests start are on this machine.
 *
 * What is here is used. What is missing is installed when this is root on a machine with apt.
 *
 * @returns one line for each part that is still missing; empty when the tests can run
 */
export function ensureMachineParts(): readonly string[] {
  if (missingParts().length > 0 && process.getuid?.() === 0 && isOnPath("apt-get")) install(missingParts());
  return missingParts().map(
    ({ commands, aptPackage, usedFor }) =>
      `Missing: ${commands.join(" or ")} (${usedFor}). On Debian or Ubuntu: apt-get install ${aptPackage}`,
  );
}
