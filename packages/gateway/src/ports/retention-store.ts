import type { StoredMessage } from "../domain/message.ts";

export interface SweepStep {
  /** Rows of a kind at the most, so that no lock is held for long. */
  readonly limit: number;
  readonly now: number;
}

/** What a sweep ended because its deadline had passed. */
export interface SweptStuck {
  readonly messages: readonly StoredMessage[];
  /** How many. */
  readonly verifications: number;
}

export interface ForgetStep extends SweepStep {
  /** Replaces an address that nobody needs any more: a keyed hash, the same for the same address. */
  readonly hashAddress: (address: string) => string;
}

/** What is forgotten, each after its own time. */
export const FORGOTTEN = [
  "secret_traces",
  "counters",
  "guesses",
  "idempotency_keys",
  "message_addresses",
  "verification_addresses",
  "events",
  "webhook_deliveries",
] as const;
export type Forgotten = (typeof FORGOTTEN)[number];

export interface RetentionStore {
  /**
   * Ends what nobody ends in the course of work: messages of a paused lane or country past their deadline, and
   * verifications past their life.
   */
  sweepStuck(step: SweepStep): Promise<SweptStuck>;
  /**
   * Forgets what is old enough. Call it again while a kind comes back full.
   *
   * @returns rows of each kind, `limit` of each at the most
   */
  forgetOld(step: ForgetStep): Promise<Readonly<Record<Forgotten, number>>>;
}
