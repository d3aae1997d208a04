import type { Cluster } from "./cluster.ts";
import { pause } from "./cluster-load.ts";
import { tellRedis } from "./redis-commands.ts";

/** One way in which Redis fails, and comes back. */
export interface RedisFault {
  readonly name: string;
  /** While it lasts sends are refused. False when Redis is back at once, with less than it knew. */
  readonly isOutage: boolean;
  begin(cluster: Cluster): Promise<void>;
  end(cluster: Cluster): Promise<void>;
}

/** How long partitions last. */
export interface FaultLengths {
  readonly partitionMs: number;
}

const redisOf = ({ redis }: Cluster) => {
  if (redis === null) throw new Error("this cluster has no Redis");
  return redis;
};
const tell = (cluster: Cluster, command: string) => tellRedis(redisOf(cluster).port, command);

/** Each with what it loses; the old dump comes last, since every later restart would read it. */
export const redisFaults = ({ partitionMs }: FaultLengths): readonly RedisFault[] => [
  {
    name: "kill -9, back empty",
    isOutage: true,
    begin: (cluster) => redisOf(cluster).kill(),
    end: (cluster) => redisOf(cluster).restart(),
  },
  {
    name: "memory full",
    isOutage: true,
    begin: async (cluster) => void (await tell(cluster, "CONFIG SET maxmemory 1")),
    end: async (cluster) => void (await tell(cluster, "CONFIG SET maxmemory 0")),
  },
  {
    name: "a replica that takes no writes",
    isOutage: true,
    begin: async (cluster) => {
      await tell(cluster, "CONFIG SET min-replicas-to-write 0");
      await tell(cluster, "REPLICAOF 127.0.0.1 1");
    },
    end: async (cluster) => void (await tell(cluster, "REPLICAOF NO ONE")),
  },
  {
    name: "partition",
    isOutage: true,
    begin: async ({ redisProxy }) => {
      await redisProxy?.set({ kind: "partition" });
      await pause(partitionMs);
    },
    end: async ({ redisProxy }) => redisProxy?.set({ kind: "none" }),
  },
  {
    name: "half open",
    isOutage: true,
    begin: async ({ redisProxy }) => redisProxy?.set({ kind: "blackHole" }),
    end: async ({ redisProxy }) => redisProxy?.set({ kind: "none" }),
  },
  {
    name: "emptied",
    isOutage: false,
    begin: async (cluster) => void (await tell(cluster, "FLUSHALL")),
    end: async () => undefined,
  },
  {
    name: "back with an old dump",
    isOutage: false,
    begin: (cluster) => redisOf(cluster).restart(),
    end: async () => undefined,
  },
];

/** Writes the dump that a later restart reads. */
export const dumpRedis = async (cluster: Cluster): Promise<void> => void (await tell(cluster, "SAVE"));
