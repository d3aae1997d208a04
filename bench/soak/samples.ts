import { Redis } from "ioredis";
import type { RedisServer } from "../../packages/gateway/test/servers/redis.ts";
import { countDescriptors, residentBytes } from "../engines/proc.ts";
import type { Home } from "../engines/servers.ts";
import type { Member } from "./cluster.ts";

const MEGABYTE = 1_048_576;

export interface MemberSample {
  readonly rssMegabytes: number;
  readonly heapMegabytes: number;
  readonly descriptors: number;
  readonly handles: number;
  /** Since the sample before. */
  readonly lagP99Ms: number;
}

export interface Sample {
  /** Since the start of the load. */
  readonly atMs: number;
  readonly members: Readonly<Record<string, MemberSample>>;
  /** Messages not yet sent. */
  readonly queue: number;
  /** Null with SQLite. */
  readonly connections: number | null;
  readonly databaseMegabytes: number | null;
  /** Null without Redis. */
  readonly redisMegabytes: number | null;
}

function readMetric(text: string, name: string): number {
  const value = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "m").exec(text)?.[1];
  if (value === undefined) throw new Error(`there is no metric ${name}`);
  return Number(value);
}

async function sampleMember({ pid, metricsPort }: Member): Promise<MemberSample & Pick<Sample, "queue">> {
  const answer = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
  const text = await answer.text();
  return {
    queue: readMetric(text, "gateway_queue_depth"),
    rssMegabytes: residentBytes(pid) / MEGABYTE,
    heapMegabytes: readMetric(text, "nodejs_heap_size_used_bytes") / MEGABYTE,
    descriptors: countDescriptors(pid),
    handles: readMetric(text, "nodejs_active_handles_total"),
    lagP99Ms: readMetric(text, "nodejs_eventloop_lag_p99_seconds") * 1000,
  };
}

const DATABASE = `select pg_database_size(current_database())::float8 as bytes,
  (select count(*)::int from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()) as connections`;

async function sampleDatabase({ client }: Home): Promise<Pick<Sample, "connections" | "databaseMegabytes">> {
  if (client === null) return { connections: null, databaseMegabytes: null };
  const { rows } = await client.query<{ readonly bytes: number; readonly connections: number }>(DATABASE);
  const { bytes, connections } = rows[0] ?? { bytes: Number.NaN, connections: Number.NaN };
  return { connections, databaseMegabytes: bytes / MEGABYTE };
}

async function sampleRedis({ url }: RedisServer): Promise<number> {
  const redis = new Redis(url, { lazyConnect: true });
  try {
    await redis.connect();
    const used = /used_memory:(\d+)/.exec(await redis.info("memory"))?.[1];
    return Number(used) / MEGABYTE;
  } finally {
    redis.disconnect();
  }
}

/** Reads everything once. */
export async function takeSample(members: readonly Member[], home: Home, atMs: number): Promise<Sample> {
  const sampled = await Promise.all(members.map(async (member) => [member.name, await sampleMember(member)] as const));
  return {
    atMs,
    members: Object.fromEntries(sampled),
    queue: Math.max(...sampled.map(([, { queue }]) => queue)),
    ...(await sampleDatabase(home)),
    redisMegabytes: home.redis === null ? null : await sampleRedis(home.redis),
  };
}
