import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { limiterContract } from "../../../../test/contracts/limiter.ts";
import {
  chargeTo,
  cooldown,
  DAY,
  HOUR,
  MINUTE,
  NOW,
  newPhone,
  nextId,
  sendsPer,
  times,
  triesPer,
} from "../../../../test/contracts/store-fixtures.ts";
import { type RedisServer, type RedisServerOptions, startRedis } from "../../../../test/servers/redis.ts";
import type { Charge } from "../../../domain/limits.ts";
import type { Limiter } from "../../../ports/limiter.ts";
import { createRedisLimiter } from "./redis-limiter.ts";

const UNAVAILABLE = { code: "service_unavailable", details: { retryAfterSeconds: 1 } };
const FAST_MS = 1_500;
const RECOVERY_MS = 5_000;

let shared: RedisServer;
beforeAll(async () => {
  shared = await startRedis();
});
afterAll(async () => {
  await shared.stop();
});

const cleanUps: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function start(options?: RedisServerOptions): Promise<RedisServer> {
  const server = await startRedis(options);
  cleanUps.push(server.stop);
  return server;
}
async function open(url: string, keyPrefix?: string): Promise<Limiter> {
  const limiter = await createRedisLimiter(keyPrefix === undefined ? { url } : { url, keyPrefix });
  cleanUps.push(limiter.close);
  return limiter;
}
function commandsTo({ url }: RedisServer): Redis {
  const redis = new Redis(url);
  cleanUps.push(() => redis.disconnect());
  return redis;
}

const charge = (): Charge => chargeTo(newPhone(), sendsPer(1, HOUR), triesPer(9, HOUR));
const reserve = (limiter: Limiter, charges: readonly Charge[] = [charge()], now = NOW) =>
  limiter.reserve({ id: nextId("msg"), charges, channel: "sms", now });

/** What a call failed with and how long that took. */
async function failure(call: Promise<unknown>): Promise<{ readonly error: unknown; readonly tookMs: number }> {
  const startedAt = performance.now();
  const error = await call.then(
    () => "it succeeded",
    (thrown: unknown) => thrown,
  );
  return { error, tookMs: performance.now() - startedAt };
}
async function expectUnavailable(call: Promise<unknown>, because: RegExp = /./): Promise<void> {
  const { error, tookMs } = await failure(call);
  expect(error).toMatchObject(UNAVAILABLE);
  expect(inspect((error as Error).cause)).toMatch(because);
  expect(tookMs).toBeLessThan(FAST_MS);
}
/** Repeats a check until it passes; its last failure is the test's. */
async function eventually(check: () => Promise<void>): Promise<void> {
  const giveUpAt = performance.now() + RECOVERY_MS;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > giveUpAt) throw error;
      await sleep(20);
    }
  }
}
const expectRecovery = (limiter: Limiter): Promise<void> => eventually(limiter.ping);

limiterContract("redis", (name) => createRedisLimiter({ url: shared.url, keyPrefix: name }));

describe("what it keeps in Redis", () => {
  const numberCharge = chargeTo(
    { kind: "phone", value: "+573001234567" },
    cooldown(MINUTE),
    sendsPer(5, HOUR),
    sendsPer(10, DAY),
    triesPer(20, HOUR),
  );
  const global: Charge = { dimension: "otp.global", key: "all", windows: [sendsPer(1_000, HOUR)], bucketMs: MINUTE };

  it("ends by itself: every key has a life, none longer than it counts", async () => {
    const server = await start();
    const limiter = await open(server.url, "tenant:");
    const redis = commandsTo(server);
    for (const index of times(5, (i) => i)) {
      const id = nextId("msg");
      const now = NOW + index * 2 * MINUTE;
      expect(await limiter.reserve({ id, charges: [numberCharge, global], channel: "sms", now })).toBeNull();
      if (index % 2 === 0) await limiter.release(id, index === 0 ? "everything" : "sends");
    }
    await limiter.ping();
    const keys = await redis.keys("*");
    expect(keys.every((key) => key.startsWith("tenant:"))).toBe(true);
    expect(keys).toEqual(expect.arrayContaining(["tenant:otp.phone:+573001234567:r", "tenant:otp.global:all:b"]));
    for (const key of keys) {
      const ttlMs = await redis.pttl(key);
      expect(ttlMs, key).toBeGreaterThan(0);
      expect(ttlMs, key).toBeLessThanOrEqual(DAY + MINUTE);
    }
  });

  it("does not grow with the sends that left", async () => {
    const limiter = await open(shared.url, "growth:");
    const redis = commandsTo(shared);
    const charges = [{ ...numberCharge, windows: [sendsPer(99, HOUR), triesPer(99, HOUR)] }, global];
    for (const index of times(200, (i) => i)) {
      const id = nextId("msg");
      const now = NOW + index * 10 * MINUTE;
      expect(await limiter.reserve({ id, charges, channel: "sms", now })).toBeNull();
      if (index % 2 === 1) await limiter.release(id, "sends");
    }
    expect(await redis.zcard("growth:otp.phone:+573001234567:s")).toBe(3);
    expect(await redis.zcard("growth:otp.phone:+573001234567:r")).toBe(3);
    const { total, oldest, ...buckets } = await redis.hgetall("growth:otp.global:all:b");
    const counts = Object.values(buckets).map(Number);
    expect(counts).toHaveLength(7);
    expect(Number(total)).toBe(counts.reduce((sum, count) => sum + count, 0));
    expect(Number(oldest)).toBe(Math.min(...Object.keys(buckets).map(Number)));
  });

  it("loads its scripts again when Redis forgot them", async () => {
    const limiter = await open(shared.url);
    expect(await reserve(limiter)).toBeNull();
    await commandsTo(shared).script("FLUSH");
    expect(await reserve(limiter)).toBeNull();
  });
});

describe("when Redis cannot answer", () => {
  it("refuses at once when it is killed, and recovers when it is back", async () => {
    const server = await start();
    const limiter = await open(server.url);
    const charges = [charge()];
    expect(await reserve(limiter, charges)).toBeNull();
    await server.kill();
    await expectUnavailable(reserve(limiter));
    await expectUnavailable(limiter.release("msg_1", "sends"), /connection|ECONNREFUSED/);
    await expectUnavailable(limiter.reset(charges));
    await expectUnavailable(limiter.ping());
    await server.restart();
    await expectRecovery(limiter);
    expect(await reserve(limiter, charges)).toBeNull();
    expect(await reserve(limiter, charges)).toMatchObject({ code: "rate_limited" });
  });

  it("fails what is in flight when it is killed, and sends none of it twice", async () => {
    const server = await start();
    const limiter = await open(server.url);
    process.kill(server.pid, "SIGSTOP");
    const running = times(50, () => expectUnavailable(reserve(limiter)));
    await sleep(50);
    await server.kill();
    await Promise.all(running);
    await server.restart();
    await expectRecovery(limiter);
    const redis = commandsTo(server);
    expect((await redis.keys("*")).filter((key) => !key.endsWith("ping"))).toEqual([]);
  });

  it("starts without it", async () => {
    const server = await start();
    await server.kill();
    const limiter = await open(server.url);
    await expectUnavailable(limiter.ping(), /ECONNREFUSED/);
    await server.restart();
    await expectRecovery(limiter);
    expect(await reserve(limiter)).toBeNull();
  });

  it("refuses on a replica, and works once it is promoted", async () => {
    const primary = await start({ args: ["--repl-diskless-sync-delay", "0"] });
    const replica = await start({ args: ["--replicaof", "127.0.0.1", String(primary.port)] });
    const redis = commandsTo(replica);
    await eventually(async () => expect(await redis.info("replication")).toContain("master_link_status:up"));
    const limiter = await open(replica.url);
    await expectUnavailable(limiter.ping(), /READONLY/);
    await eventually(() => expectUnavailable(reserve(limiter), /READONLY/));
    await redis.replicaof("NO", "ONE");
    await expectRecovery(limiter);
    expect(await reserve(limiter)).toBeNull();
  });

  it("refuses when its memory is full, and charges nothing", async () => {
    const server = await start({ maxMemory: "3mb" });
    const limiter = await open(server.url);
    const redis = commandsTo(server);
    const charges = [charge(), { ...charge(), bucketMs: MINUTE }];
    expect(await reserve(limiter)).toBeNull();
    const fill = async (size: number) => {
      for (let index = 0; ; index += 1) await redis.set(`filler:${size}:${index}`, "x".repeat(size));
    };
    for (const size of [50_000, 500]) await expect(fill(size)).rejects.toThrow(/OOM/);
    await expectUnavailable(reserve(limiter, charges), /OOM/);
    await expectUnavailable(limiter.ping(), /OOM/);
    await redis.del(...(await redis.keys("filler:*")));
    await limiter.ping();
    expect(await reserve(limiter, charges)).toBeNull();
    expect(await reserve(limiter, charges)).not.toBeNull();
  });

  it("refuses while it loads its data, and counts on from there", async () => {
    const server = await start({ appendOnly: true, args: ["--key-load-delay", "400"] });
    const redis = commandsTo(server);
    const limiter = await open(server.url);
    const charges = [charge()];
    expect(await reserve(limiter, charges)).toBeNull();
    await Promise.all(times(6_000, (index) => redis.set(`filler:${index}`, "x", "EX", 600)));
    await server.restart();
    await expectUnavailable(limiter.ping());
    const startedAt = performance.now();
    const late = await open(server.url);
    expect(performance.now() - startedAt).toBeLessThan(FAST_MS);
    await expectUnavailable(reserve(late, charges));
    await expectRecovery(late);
    await expectRecovery(limiter);
    expect(await reserve(limiter, charges, NOW + 1)).toMatchObject({ retryAfterMs: HOUR - 1 });
  });
});

describe("behind a network of its own", () => {
  let proxy: Server;
  let isOpen = true;
  let target = 0;
  const sockets = new Set<Socket>();
  const url = (): string => {
    const address = proxy.address();
    return `redis://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  };
  beforeAll(async () => {
    proxy = createServer((near) => {
      sockets.add(near);
      near.on("error", () => undefined);
      if (!isOpen) return;
      const far = connect(target, "127.0.0.1");
      far.on("error", () => undefined);
      near.pipe(far).pipe(near);
      near.once("freeze", () => {
        near.unpipe(far).pause();
        far.unpipe(near).pause();
        near.once("close", () => far.destroy());
      });
    }).listen(0, "127.0.0.1");
    await once(proxy, "listening");
  });
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  beforeEach(() => {
    target = shared.port;
  });
  /** Leaves every connection as it is, and lets nothing through any more. */
  const freeze = (): void => {
    for (const socket of sockets) socket.emit("freeze");
  };

  it("drops a connection that answers no more, and opens another", async () => {
    const limiter = await open(url());
    await limiter.ping();
    freeze();
    await Promise.all(times(20, () => expectUnavailable(reserve(limiter))));
    await expectRecovery(limiter);
    expect(await reserve(limiter)).toBeNull();
  });

  it("drops a connection that never answered", async () => {
    isOpen = false;
    const limiter = await open(url());
    await expectUnavailable(limiter.ping());
    await sleep(200);
    await expectUnavailable(limiter.ping());
    isOpen = true;
    await expectRecovery(limiter);
  });

  it("follows its name to the new primary after a failover", async () => {
    const [old, next] = [await start(), await start()];
    target = old.port;
    const limiter = await open(url());
    await limiter.ping();
    await commandsTo(old).replicaof("127.0.0.1", String(next.port));
    target = next.port;
    await expectUnavailable(reserve(limiter), /READONLY/);
    await expectRecovery(limiter);
    expect(await reserve(limiter)).toBeNull();
  });
});

describe("its address", () => {
  it("takes a password, and never says it", async () => {
    const server = await start({ args: ["--requirepass", "right-s3cret"] });
    const withPassword = (password: string) => `redis://:${password}@127.0.0.1:${server.port}/2`;
    const limiter = await open(withPassword("right-s3cret"));
    expect(await reserve(limiter)).toBeNull();
    const { error } = await failure((await open(withPassword("wrong-s3cret"))).ping());
    expect(error).toMatchObject(UNAVAILABLE);
    expect(inspect(error, { depth: 10, showHidden: true })).toMatch(/WRONGPASS/);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("wrong-s3cret");
  });

  it("does not repeat the password when Redis does", async () => {
    const server = await start({ args: ["--rename-command", "AUTH", ""] });
    const limiter = await open(`redis://:s3cret%20word@127.0.0.1:${server.port}`);
    const { error } = await failure(limiter.ping());
    expect(error).toMatchObject(UNAVAILABLE);
    expect(inspect(error, { depth: 10, showHidden: true })).toMatch(/unknown command.*\*\*\*/);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("s3cret");
  });

  it.each([
    "http://:s3cret@127.0.0.1",
    "redis://:s3cret@127.0.0.1/orders",
    "redis://:s3cret@127.0.0.1:99999",
    "redis://:s3cret%E0%A4@127.0.0.1",
    "s3cret",
  ])("refuses %s without repeating it", async (url) => {
    const { error } = await failure(createRedisLimiter({ url }));
    expect(error).toBeInstanceOf(Error);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("s3cret");
  });

  it("refuses a Redis Cluster", async () => {
    const server = await start({ args: ["--cluster-enabled", "yes"] });
    await expect(createRedisLimiter({ url: server.url })).rejects.toThrow(/Redis Cluster/);
    await server.kill();
    const limiter = await open(server.url);
    await server.restart();
    await eventually(() => expectUnavailable(limiter.ping(), /Redis Cluster/));
  });
});
