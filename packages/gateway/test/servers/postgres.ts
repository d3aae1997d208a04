import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { findFreePort } from "./free-port.ts";
import {
  crash,
  createCluster,
  initialize,
  launch,
  removeCluster,
  shutDown,
  waitUntilReady,
} from "./postgres-cluster.ts";

const DROP_TRIES = 20;
const DROP_AGAIN_MS = 200;

/** As durable as a production server, smaller, and private to this machine. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  fsync: "on",
  synchronous_commit: "on",
  max_connections: "200",
  shared_buffers: "32MB",
  jit: "off",
  timezone: "UTC",
  log_timezone: "UTC",
  log_checkpoints: "off",
  // In the data folder, and not in /dev/shm, where a killed server leaves it behind.
  dynamic_shared_memory_type: "mmap",
};

export interface PostgresOptions {
  /** Settings of `postgresql.conf` which differ from ours: `{ max_prepared_transactions: "20" }`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** An empty database of its own. */
export interface TestDatabase {
  readonly url: string;
  /** Removes it, and closes the connections that are still open. */
  drop(): Promise<void>;
}

export interface PostgresServer {
  /** A database named `gateway`, as its owner, who is no superuser and may create databases. */
  readonly url: string;
  /** The database `postgres`, as superuser. */
  readonly adminUrl: string;
  readonly port: number;
  /** The postmaster. @throws when the server does not run */
  readonly pid: number;
  readonly dataFolder: string;
  createDatabase(): Promise<TestDatabase>;
  /** `kill -9` of the postmaster and of all its children at once, as a crash; resolves when they are gone. */
  kill(): Promise<void>;
  /** Starts it again, same port and data, after `kill`; resolves when it has recovered and takes connections. */
  start(): Promise<void>;
  /** Ends it for good (fast shutdown), and removes its folder. */
  stop(): Promise<void>;
}

/** Runs one statement in a connection of its own. */
async function execute(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/**
 * Creates an empty database on a server.
 *
 * @param serverUrl any database of the server, as a user who may create databases
 */
export async function createDatabase(serverUrl: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString("hex")}`;
  // Copied through the log, the default since PostgreSQL 15: copying files means two checkpoints, and many at once wait in line.
  await execute(serverUrl, `CREATE DATABASE ${name} TEMPLATE template0`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => dropDatabase(serverUrl, name) };
}

/** Its owner may not end an autovacuum that happens to be at work in it, and tries again when that has ended. */
async function dropDatabase(serverUrl: string, name: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await execute(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    } catch (error) {
      if (tries === DROP_TRIES) throw error;
      await sleep(DROP_AGAIN_MS);
    }
  }
}

/**
 * Starts a real PostgreSQL on a free port of this machine, with an empty cluster in a temporary folder.
 *
 * It commits as a production server does: `fsync` and `synchronous_commit` are on. Neither it nor its folder outlives this
 * process, however that ends.
 *
 * @throws when there is no PostgreSQL on this machine
 */
export async function startPostgres({ settings = {} }: PostgresOptions = {}): Promise<PostgresServer> {
  const cluster = createCluster();
  const port = await findFreePort();
  const password = randomBytes(16).toString("hex");
  const adminUrl = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  const url = `postgres://gateway:${password}@127.0.0.1:${port}/gateway`;
  let running: ChildProcess | undefined;

  const start = async (): Promise<void> => {
    if (running !== undefined) throw new Error("PostgreSQL runs already");
    const postmaster = await launch(cluster, { ...SETTINGS, ...settings, port: String(port) });
    running = postmaster;
    postmaster.once("exit", () => {
      running = undefined;
    });
    await waitUntilReady(cluster, postmaster);
  };
  const stop = async (): Promise<void> => {
    if (running !== undefined) await shutDown(running);
    removeCluster(cluster);
  };

  try {
    await initialize(cluster, password);
    await start();
    await execute(adminUrl, `CREATE ROLE gateway LOGIN CREATEDB PASSWORD '${password}'`);
    await execute(adminUrl, "CREATE DATABASE gateway OWNER gateway TEMPLATE template0");
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    adminUrl,
    port,
    get pid() {
      if (running?.pid === undefined) throw new Error("PostgreSQL does not run");
      return running.pid;
    },
    dataFolder: cluster.dataFolder,
    createDatabase: () => createDatabase(url),
    kill: async () => {
      if (running !== undefined) await crash(cluster, running);
    },
    start,
    stop,
  };
}
