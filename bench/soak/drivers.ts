import { setTimeout as sleep } from "node:timers/promises";
import type { Inbox } from "../engines/inbox.ts";
import type { Call, Mix } from "./mix.ts";
import type { Pool } from "./pool.ts";
import type { Tally } from "./tally.ts";

const TICK_MS = 5;
const LEARN_EVERY_MS = 500;
const MAX_RUNNING = 2_000;
const END_WITHIN_MS = 25_000;
const END_LOOK_MS = 50;

export interface Driver {
  readonly pool: Pool;
  readonly mix: Mix;
  readonly tally: Tally;
}

interface Asked {
  readonly call: Call;
  /** The instant from which the wait counts. */
  readonly dueAt: number;
  readonly onDone: () => void;
}

function ask({ pool, tally }: Driver, { call, dueAt, onDone }: Asked): void {
  pool.ask(call.request, (outcome) => {
    const ms = performance.now() - dueAt;
    if ("broken" in outcome) {
      call.forget?.();
      tally.note(call.kind, ms, outcome.broken);
    } else {
      tally.note(call.kind, ms, call.judge(outcome.status, outcome.body));
    }
    onDone();
  });
}

/** Keeps so many requests under way, and tells how many a second are answered: the capacity. */
export async function driveClosed(driver: Driver, concurrency: number, ms: number): Promise<number> {
  const startedAt = performance.now();
  let answered = 0;
  const again = (resolve: () => void): void => {
    const now = performance.now();
    if (now - startedAt > ms) {
      resolve();
      return;
    }
    const onDone = (): void => {
      answered += 1;
      again(resolve);
    };
    ask(driver, { call: driver.mix.next(), dueAt: now, onDone });
  };
  await Promise.all(Array.from({ length: concurrency }, () => new Promise<void>(again)));
  return (answered * 1000) / (performance.now() - startedAt);
}

/** Asks at a constant rate, whether the answers come or not. */
export async function driveOpen(driver: Driver, ratePerSecond: number, ms: number): Promise<void> {
  const startedAt = performance.now();
  let serial = 0;
  let running = 0;
  const onDone = (): void => {
    running -= 1;
  };
  while (performance.now() - startedAt < ms) {
    const due = ((performance.now() - startedAt) * ratePerSecond) / 1000;
    for (; serial < due; serial++) {
      if (running >= MAX_RUNNING) {
        driver.tally.complain("not asked", `${MAX_RUNNING} requests wait for their answers`);
        continue;
      }
      running += 1;
      ask(driver, { call: driver.mix.next(), dueAt: startedAt + (serial * 1000) / ratePerSecond, onDone });
    }
    await sleep(TICK_MS);
  }
  const giveUpAt = performance.now() + END_WITHIN_MS;
  while (running > 0 && performance.now() < giveUpAt) await sleep(END_LOOK_MS);
}

/** Tells the mix what the carrier was given, until the signal; a little of it twice, since rows become visible out of order. */
export async function followInbox(inbox: Inbox, mix: Mix, signal: AbortSignal): Promise<void> {
  const seen: number[] = [0, 0];
  while (!signal.aborted) {
    const delivered = await inbox.readAfter(seen.at(-2) ?? 0);
    mix.learn(delivered);
    seen.push(delivered.at(-1)?.seq ?? seen.at(-1) ?? 0);
    seen.shift();
    await sleep(LEARN_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}
