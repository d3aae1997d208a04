import type { Channel } from "@mestore/sms-gateway-contract";
import type { Charge, Refusal } from "../domain/limits.ts";

/** One send that asks to be counted. */
export interface Reservation {
  /** Id of the message; the same reservation again counts once. */
  readonly id: string;
  readonly charges: readonly Charge[];
  readonly channel: Channel;
  readonly now: number;
}

/**
 * Counters outside the database that refuse first and cheaply. The database decides last for numbers, e-mail addresses
 * and subjects, so that a limiter that lost its memory can loosen the others for one window, and nothing else.
 *
 * Every method throws `service_unavailable` when the limiter cannot answer: nothing is allowed because it is down.
 */
export interface Limiter {
  readonly backend: "redis";
  /** One decision over all charges: all of them are charged, or none. Null when the send fits. */
  reserve(reservation: Reservation): Promise<Refusal | null>;
  /**
   * Takes a reservation back.
   *
   * @param what `sends` when the provider certainly did not send it (tries stay), `everything` when nothing was tried
   */
  release(id: string, what: "sends" | "everything"): Promise<void>;
  /** Forgets all that was charged to these counters. */
  reset(charges: readonly Charge[]): Promise<void>;
  /** Throws when it could not count. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
