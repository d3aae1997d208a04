import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findPostgresPrograms } from "./postgres-programs.ts";
import { childrenOf, isHalted, isRunning } from "./processes.ts";
import { startWatchdog, type Watchdog } from "./watchdog.ts";

const DEADLINE_MS = 30_000;
const POLL_MS = 5;

/** Somebody that `postgres` agrees to run as. */
interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** A folder for a PostgreSQL, and how to run its programs there. */
export interface Cluster {
  readonly programs: string;
  readonly folder: string;
  readonly dataFolder: string;
  /** `undefined`: we are not root, and it runs as ourselves. */
  readonly account: Account | undefined;
  readonly watchdog: Watchdog;
}

/** The system user of Debian's package, else `nobody`: PostgreSQL refuses to run as root. */
function findAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = readFileSync("/etc/passwd", "utf8").split("\n");
  const find = (name: string) => users.find((line) => line.startsWith(`${name}:`));
  const [, , uid, gid] = (find("postgres") ?? find("nobody") ?? "").split(":");
  if (uid === undefined || gid === undefined) throw new Error("PostgreSQL refuses root, and there is no user for it");
  return { uid: Number(uid), gid: Number(gid) };
}

/** Whether every user may pass through a folder and all those above it. */
const isOpenToAll = (folder: string): boolean =>
  (statSync(folder).mode & 0o001) !== 0 && (folder === dirname(folder) || isOpenToAll(dirname(folder)));

function makeFolder(account: Account | undefined): string {
  if (account === undefined) return mkdtempSync(join(tmpdir(), "postgres-"));
  const parent = [tmpdir(), "/tmp"].find(isOpenToAll);
  if (parent === undefined) throw new Error("no temporary folder that the user of PostgreSQL may enter");
  const folder = mkdtempSync(join(parent, "postgres-"));
  chownSync(folder, account.uid, account.gid);
  return folder;
}

/** Makes a temporary folder which does not outlive this process, and neither does what runs in it. */
export function createCluster(): Cluster {
  const programs = findPostgresPrograms();
  if (programs === undefined) throw new Error("PostgreSQL is missing: no folder holds both initdb and postgres");
  const account = findAccount();
  const folder = makeFolder(account);
  // SIGQUIT ends a postmaster at once; it takes its children and its shared memory along.
  return { programs, folder, dataFolder: join(folder, "data"), account, watchdog: startWatchdog(folder, "QUIT") };
}

export function removeCluster({ folder, watchdog }: Cluster): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  watchdog.end();
}

/** Runs a program of PostgreSQL; what it says goes to the file `log` of the folder. */
function run({ programs, folder, account, watchdog }: Cluster, program: string, args: readonly string[]): ChildProcess {
  const log = openSync(join(folder, "log"), "a");
  const child = spawn(join(programs, program), args, {
    ...account,
    cwd: folder,
    env: { PATH: process.env.PATH, LC_ALL: "C.UTF-8" },
    stdio: ["ignore", log, log],
    // A session of its own, out of reach of Ctrl-C.
    detached: true,
  });
  closeSync(log);
  watchdog.watch(child.pid);
  child.once("exit", () => watchdog.watch(undefined));
  return child;
}

const readLog = ({ folder }: Cluster): string => readFileSync(join(folder, "log"), "utf8").slice(-4000);

/** Fills the data folder; `password` is the one of the superuser `postgres`. */
export async function initialize(cluster: Cluster, password: string): Promise<void> {
  const { account, dataFolder, folder } = cluster;
  const passwordFile = join(folder, "password");
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (account !== undefined) chownSync(passwordFile, account.uid, account.gid);
  const child = run(cluster, "initdb", [
    `--pgdata=${dataFolder}`,
    `--pwfile=${passwordFile}`,
    "--username=postgres",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C.UTF-8",
    // Only the empty cluster is not synced; the server that runs on it syncs.
    "--no-sync",
  ]);
  const [code] = await once(child, "exit");
  rmSync(passwordFile);
  if (code !== 0) throw new Error(`initdb ended with ${code}: ${readLog(cluster)}`);
}

/** Lines of `postmaster.pid`, which says how far a postmaster is; none while there is no such file. */
function readPidFile({ dataFolder }: Cluster): readonly string[] {
  try {
    const lines = readFileSync(join(dataFolder, "postmaster.pid"), "utf8").split("\n");
    return lines.map((line) => line.trim());
  } catch {
    return [];
  }
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

async function waitUntil(isTrue: () => boolean, what: string): Promise<void> {
  const giveUpAt = performance.now() + DEADLINE_MS;
  while (!isTrue()) {
    if (performance.now() > giveUpAt) throw new Error(`PostgreSQL: ${what} took longer than ${DEADLINE_MS} ms`);
    await sleep(POLL_MS);
  }
}

/** Starts a postmaster with some settings of `postgresql.conf`. It may not be ready yet. */
export async function launch(cluster: Cluster, settings: Readonly<Record<string, string>>): Promise<ChildProcess> {
  const args = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const postmaster = run(cluster, "postgres", ["-D", cluster.dataFolder, ...args]);
  // A script that forgets to stop it may end all the same.
  postmaster.unref();
  await once(postmaster, "spawn");
  return postmaster;
}

/** Resolves when a postmaster says, as it does to `pg_ctl`, that it takes connections. */
export async function waitUntilReady(cluster: Cluster, postmaster: ChildProcess): Promise<void> {
  await waitUntil(() => {
    if (hasEnded(postmaster)) throw new Error(`PostgreSQL ended before it was ready: ${readLog(cluster)}`);
    const [pid, , , , , , , status] = readPidFile(cluster);
    return pid === String(postmaster.pid) && status === "ready";
  }, "the start");
}

/** Fast shutdown: open transactions are rolled back, and what is committed is written. */
export async function shutDown(postmaster: ChildProcess): Promise<void> {
  postmaster.kill("SIGINT");
  await waitUntil(() => hasEnded(postmaster), "the shutdown");
}

/** Kills a postmaster and its children one by one: PostgreSQL makes each of them a process group of its own. */
export async function crash(cluster: Cluster, postmaster: ChildProcess): Promise<void> {
  const { pid } = postmaster;
  if (pid === undefined || hasEnded(postmaster)) return;
  // Halted, it starts no more of them, and reaps none whose number could then go to a stranger.
  postmaster.kill("SIGSTOP");
  await waitUntil(() => isHalted(pid), "the halt");
  const children = childrenOf(pid);
  for (const victim of [...children, pid]) process.kill(victim, "SIGKILL");
  await waitUntil(() => hasEnded(postmaster) && !children.some(isRunning), "the kill");
  // Line 7: the key and the number of the shared memory that a killed server leaves in the kernel.
  const segment = readPidFile(cluster)[6]?.split(/\s+/)[1];
  if (segment !== undefined) spawnSync("ipcrm", ["-m", segment], { stdio: "ignore" });
}
