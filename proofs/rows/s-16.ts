import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { Agent } from "node:http";
import { HOUR_MS, NO_LIMITS, onStage, phoneAt, type Stage } from "../harness/gateway.ts";
import { type Answer, createAsk } from "../harness/http.ts";
import { mostWithin } from "../harness/most-within.ts";
import type { Figures, Row, RowOptions } from "../row.ts";

const MINUTE_MS = 60_000;
/** Requests that one process has under way. */
const WIDTH = 4;
const PAUSE_MS = 15;
/** Refusals in a row after which a process has nothing left to give. */
const ENOUGH_REFUSALS = 3 * WIDTH;
/** Where the clock goes during the first hour, in minutes from its start: forward and back, and never an hour away. */
const CLOCK = [0, 20, 5, 40, 12, 55, 30, 50, 2, 45] as const;
const LEASE_MS = 30_000;
const SETTLE_MS = 100;
/** Reads in a row that find the outbox unchanged. */
const SETTLED_READS = 15;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A flood of sends, each to another number, over all processes at once. */
interface Flood {
  readonly accepted: () => number;
  readonly refused: () => number;
  /** Every process refuses, again and again. */
  readonly isDry: () => boolean;
  /** Somebody was started or the clock was moved: what was dry may not be any more. */
  readonly stir: () => void;
  readonly end: () => Promise<void>;
}

function startFlood({ urlAt, key }: Stage, places: number): Flood {
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  const dryFor: number[] = Array(places).fill(0);
  let number = 0;
  let accepted = 0;
  let refused = 0;
  let isOver = false;
  const note = (place: number, { status, body, text }: Answer): void => {
    if (status === 201) {
      accepted++;
      dryFor[place] = 0;
    } else if (status === 429) {
      assert.equal(body["code"], "rate_limited", text);
      refused++;
      dryFor[place] = (dryFor[place] ?? 0) + 1;
    } else {
      assert.equal(status, 503, text);
    }
  };
  const sendOn = async (place: number): Promise<void> => {
    const ask = createAsk(() => urlAt(place) ?? "", agent);
    while (!isOver) {
      if (urlAt(place) === null) {
        await pause(PAUSE_MS);
        continue;
      }
      const body = { to: phoneAt(number++), channel: "sms" };
      // A process that dies takes its answers along.
      const answer = await ask({ path: "/v1/verifications", body, headers: key() }).catch(() => null);
      if (answer !== null) note(place, answer);
      if (answer === null || answer.status !== 201) await pause(PAUSE_MS);
    }
  };
  const senders = Array.from({ length: places * WIDTH }, (_, i) => sendOn(i % places));
  const failed = Promise.all(senders);
  failed.catch(() => undefined);
  return {
    accepted: () => accepted,
    refused: () => refused,
    isDry: () => dryFor.every((refusals) => refusals >= ENOUGH_REFUSALS),
    stir: () => dryFor.fill(0),
    end: async () => {
      isOver = true;
      await failed;
      agent.destroy();
    },
  };
}

async function until(isTrue: () => boolean, what: string): Promise<void> {
  for (let patience = 6_000; !isTrue(); patience--) {
    if (patience === 0) throw new Error(`waited in vain: ${what}`);
    await pause(20);
  }
}

interface Hours {
  readonly cap: number;
  readonly places: number;
  readonly kills: number;
  readonly report: RowOptions["report"];
}

/** Kills processes at random and moves the clock about while the first hour's budget is used up. */
async function firstHour(stage: Stage, flood: Flood, { cap, places, kills, report }: Hours): Promise<void> {
  const startedAt = stage.now();
  const restarts: Promise<void>[] = [];
  const down = new Set<number>();
  for (let kill = 0; kill < kills; kill++) {
    await until(() => flood.accepted() >= (cap * 0.9 * kill) / kills, "the flood goes on");
    stage.advance(startedAt + (CLOCK[kill % CLOCK.length] ?? 0) * MINUTE_MS - stage.now());
    const first = randomInt(places);
    const place = Array.from({ length: places }, (_, i) => (first + i) % places).find((each) => !down.has(each));
    if (place === undefined) continue;
    down.add(place);
    restarts.push(stage.crash(place).then(() => void down.delete(place)));
    flood.stir();
  }
  await Promise.all(restarts);
  flood.stir();
  await until(flood.isDry, "every process refuses");
  report(`${flood.accepted()} of ${cap} in the first hour, ${flood.refused()} refused`);
}

/** Half of the next hour's budget, and then the hour after it comes while everybody sends. */
async function nextHours(stage: Stage, flood: Flood, { cap, report }: Hours): Promise<void> {
  const before = flood.accepted();
  stage.advance(2 * HOUR_MS);
  flood.stir();
  await until(() => flood.accepted() >= before + cap / 2, "a new budget");
  stage.advance(HOUR_MS + MINUTE_MS);
  flood.stir();
  await until(flood.isDry, "every process refuses again");
  report(`${flood.accepted() - before} in the next two hours`);
}

/** The instants of all sends that were not given back, in order. */
async function sendsIn({ rows }: Stage): Promise<readonly number[]> {
  const found = await rows.all(
    "select created_at from messages where state not in ('failed', 'expired') order by created_at",
  );
  return found.map((row) => Number(row["created_at"]));
}

/** Processes finish what they began; what killed ones left behind is sent by the worker when its lease has ended. */
async function settle({ rows, advance }: Stage): Promise<void> {
  const readOpen = () => rows.count("select count(*) from messages where state in ('queued', 'sending')");
  let open = await readOpen();
  for (let stable = 0; stable < SETTLED_READS; ) {
    await pause(SETTLE_MS);
    const before = open;
    open = await readOpen();
    stable = open === before ? stable + 1 : 0;
  }
  advance(LEASE_MS + 1_000);
  for (let patience = 500; patience > 0; patience--) {
    if ((await readOpen()) === 0) return;
    await pause(SETTLE_MS);
    advance(1_000);
  }
  throw new Error("the outbox was not emptied");
}

async function run(options: RowOptions): Promise<Figures> {
  const { size, engine, report } = options;
  const { places, cap } = size === "full" ? { places: 10, cap: 10_000 } : { places: 2, cap: 400 };
  const kills = places;
  const slice = engine === "postgres" ? Math.min(256, Math.floor(cap / 200)) : 0;
  const env = { ...NO_LIMITS, SMS_RATE_LIMIT_GLOBAL: String(cap) };
  return onStage({ ...options, env, apis: places }, async (stage) => {
    const flood = startFlood(stage, places);
    const hours = { cap, places, kills, report };
    try {
      await firstHour(stage, flood, hours);
      const first = await sendsIn(stage);
      const sent = new Set(stage.carrier.sent().map(({ to }) => to));
      assert.ok(sent.size <= cap, `${sent.size} numbers in the carrier's ledger after the first hour`);
      assert.ok(first.length <= cap, `${first.length} sends in the first hour`);
      const unused = cap - first.length;
      // A process that dies takes along what it had leased, and what its requests had taken and not committed.
      assert.ok(unused <= kills * (slice + WIDTH), `${unused} of the budget were not used`);

      await nextHours(stage, flood, hours);
      await flood.end();
      await settle(stage);
      const all = await sendsIn(stage);
      const most = mostWithin(HOUR_MS, all);
      assert.ok(most <= cap, `${most} sends within an hour`);
      assert.ok(all.length > first.length + cap, "the next hours had budgets of their own");
      const calls = stage.carrier.sent();
      const numbers = new Set(calls.map(({ to }) => to)).size;
      assert.ok(numbers <= all.length, "the carrier heard of nothing that was not counted");
      return {
        processes: places,
        kills,
        cap,
        "most sends within an hour": most,
        "not used in the first hour": unused,
        [`processes × slice of ${slice}`]: places * slice,
        "refused (429)": flood.refused(),
        "sends in all": all.length,
        "sent twice": calls.length - numbers,
      };
    } finally {
      await flood.end().catch(() => undefined);
    }
  });
}

export const s16: Row = {
  id: "S-16",
  title:
    "The cap over all numbers, flooded through many processes: kill -9 of any, restarts, the clock forward and back",
  target:
    "10 processes: the sends within any hour never exceed the cap; not used are at most processes × slice, and what was under way",
  engines: ["postgres", "postgres+redis"],
  run,
  mutation: {
    why: "Each process counts for itself.",
    edits: [
      {
        file: "packages/gateway/src/adapters/stores/postgres/slices.ts",
        find: "  const { bucketMs, windows, dimension, key } = charge;",
        replace:
          "  charge = { ...charge, key: String(process.pid) };\n  const { bucketMs, windows, dimension, key } = charge;",
        engines: ["postgres"],
      },
      {
        file: "packages/gateway/src/adapters/stores/redis/redis-limiter.ts",
        find: 'const counterKey = ({ dimension, key }: Charge, kind: "s" | "r" | "b"): string =>',
        replace: 'const counterKey = ({ dimension, key: shared }, kind, key = kind === "b" ? process.pid : shared) =>',
        engines: ["postgres+redis"],
      },
    ],
  },
};
