import type { Charge, SendRecord } from "../domain/limits.ts";

/** Looks at limits and resets them; charging happens inside the step that sends. */
export interface LimitStore {
  /** The sends of one counter within its longest window, newest first. */
  readSends(charge: Charge, now: number): Promise<readonly SendRecord[]>;
  /** Forgets the sends of these counters and the wrong guesses of that number. */
  resetNumber(phone: string, charges: readonly Charge[]): Promise<void>;
}
