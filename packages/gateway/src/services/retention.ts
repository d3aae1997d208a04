import type { StoredMessage } from "../domain/message.ts";
import type { Clock } from "../ports/clock.ts";
import { FORGOTTEN, type Forgotten, type RetentionStore } from "../ports/retention-store.ts";
import type { Secrets } from "../ports/secrets.ts";

/** Rows of a kind in one step: few enough that no lock is held for long. */
const BATCH = 1_000;
/** Requests come first: a pause between two steps. */
const PAUSE_MS = 50;
const MAX_TURNS = 200;

/** What one sweep did. */
export interface SweepReport {
  readonly forgotten: Readonly<Record<Forgotten, number>>;
  readonly expiredVerifications: number;
}

export interface Retention {
  /** Ends what is stuck, then forgets what is old enough, in small steps; ends early when the signal aborts. */
  sweep(signal: AbortSignal): Promise<SweepReport>;
}

export interface RetentionOptions {
  readonly store: RetentionStore;
  readonly clock: Clock;
  readonly secrets: Pick<Secrets, "hashAddress">;
  /** Hears of every message that a sweep ended. */
  readonly onEnded: (message: StoredMessage) => void;
}

export function createRetention({ store, clock, secrets, onEnded }: RetentionOptions): Retention {
  return {
    sweep: async (signal) => {
      const forgotten = Object.fromEntries(FORGOTTEN.map((kind) => [kind, 0])) as Record<Forgotten, number>;
      let expiredVerifications = 0;
      for (let turn = 0; turn < MAX_TURNS && !signal.aborted; turn++) {
        const step = { limit: BATCH, now: clock.now() };
        const stuck = await store.sweepStuck(step);
        for (const message of stuck.messages) onEnded(message);
        expiredVerifications += stuck.verifications;
        const counts = await store.forgetOld({ ...step, hashAddress: secrets.hashAddress });
        for (const kind of FORGOTTEN) forgotten[kind] += counts[kind];
        const isFull = stuck.messages.length === BATCH || FORGOTTEN.some((kind) => counts[kind] >= BATCH);
        if (!isFull) break;
        await clock.sleep(PAUSE_MS, signal);
      }
      return { forgotten, expiredVerifications };
    },
  };
}
