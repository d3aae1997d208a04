import type { Channel } from "@mestore/sms-gateway-contract";
import { addressCharge, type ChargedSend, chargesFor, isPersonal, type LimitPolicy } from "../domain/charges.ts";
import { clientBlock, isLoopback } from "../domain/client-address.ts";
import { failuresToday, failureWaitMs } from "../domain/failures.ts";
import { type Charge, countedIn, decideCharge, type Refusal, toRetryAfterSeconds } from "../domain/limits.ts";
import type { Address } from "../domain/verification.ts";
import type { Clock } from "../ports/clock.ts";
import type { LimitStore } from "../ports/limit-store.ts";
import type { Limiter } from "../ports/limiter.ts";
import type { VerificationStore } from "../ports/verification-store.ts";

/** Who asked for a send, as the edge saw it. */
export interface Client {
  readonly address: string;
  readonly kind: "open" | "bearer";
}

export interface WindowState {
  readonly windowSeconds: number;
  readonly limit: number;
  readonly count: number;
  readonly remaining: number;
  /** When the oldest send leaves the window; null when it is empty. */
  readonly resetAt: number | null;
}

export interface NumberState {
  readonly windows: readonly WindowState[];
  /** 0 when a send fits now. */
  readonly retryAfterSeconds: number;
  readonly failedGuesses: { readonly count: number; readonly limit: number; readonly retryAfterSeconds: number };
}

/** A send before it is counted. */
export interface NewSend extends Omit<ChargedSend, "client"> {
  /** Id of its message. */
  readonly id: string;
  readonly client?: Client;
  readonly now: number;
}

/** What a step of the store says when it did not take the send. */
type NotTaken = { readonly kind: "refused"; readonly refusal: Refusal };

export interface Limits {
  readonly backend: "database" | "redis";
  /**
   * Counts a send and commits it. The limiter, where there is one, refuses first; the database decides last, in the step
   * that sends. A crash between the two leaves a charge, never a free send.
   *
   * @param commit receives what the database decides
   * @throws {AppError} `service_unavailable` when the limiter cannot decide
   */
  admit<Outcome extends { readonly kind: string }>(
    send: NewSend,
    commit: (charges: readonly Charge[]) => Promise<Outcome>,
  ): Promise<Outcome | NotTaken>;
  /** Gives back what the limiter holds of a send that certainly did not happen; the store has done so already. */
  giveBack(messageId: string): Promise<void>;
  /** Milliseconds until the counter of an address lets the next code through; 0 when it does now. */
  nextSendInMs(channel: Channel, address: Address): Promise<number>;
  readNumber(phone: string): Promise<NumberState>;
  /** Forgets the sends and the wrong guesses of a number. */
  resetNumber(phone: string): Promise<void>;
}

export interface LimitsOptions {
  readonly store: LimitStore & VerificationStore;
  /** Null when the database keeps all counters. */
  readonly limiter: Limiter | null;
  readonly clock: Clock;
  readonly policy: LimitPolicy;
  readonly isEnabled: boolean;
  readonly maxFailuresPerDay: number;
  /** In development everybody is one client: this machine. */
  readonly ignoresLoopback: boolean;
  /** Hears of every send that a limit refused. */
  readonly onRefused: (refusal: Refusal) => void;
  /** Hears of a charge that could not be taken back: it stays until its window has passed. */
  readonly onError: (error: unknown) => void;
}

const isRefused = (outcome: { readonly kind: string }): outcome is NotTaken => outcome.kind === "refused";

const NOT_TAKEN: readonly string[] = ["refused", "waiting", "opted_out", "unwanted"];

const numberSend = (phone: string, lane: ChargedSend["lane"]): ChargedSend => ({
  lane,
  channel: "sms",
  address: { kind: "phone", value: phone },
  tenant: "",
  subject: "",
});

const toSeconds = (waitMs: number): number => (waitMs > 0 ? toRetryAfterSeconds(waitMs) : 0);

export function createLimits(options: LimitsOptions): Limits {
  const { store, limiter, clock, policy, isEnabled, maxFailuresPerDay, ignoresLoopback, onRefused, onError } = options;

  const toBlock = ({ address, kind }: Client): ChargedSend["client"] => {
    const block = ignoresLoopback && isLoopback(address) ? null : clientBlock(address);
    return block === null ? undefined : { block, kind };
  };

  const chargesOf = ({ client, ...send }: NewSend): readonly Charge[] => {
    if (!isEnabled) return [];
    const block = client === undefined ? undefined : toBlock(client);
    return chargesFor({ ...send, ...(block === undefined ? {} : { client: block }) }, policy);
  };

  const decide: Limits["admit"] = async (send, commit) => {
    const charges = chargesOf(send);
    if (limiter === null || charges.length === 0) return commit(charges);
    const { id, channel, now } = send;
    const refusal = await limiter.reserve({ id, charges, channel, now });
    if (refusal !== null) return { kind: "refused", refusal };
    const outcome = await commit(charges.filter(isPersonal));
    if (NOT_TAKEN.includes(outcome.kind)) await limiter.release(id, "everything").catch(onError);
    return outcome;
  };

  return {
    backend: limiter?.backend ?? "database",
    admit: async (send, commit) => {
      const outcome = await decide(send, commit);
      if (isRefused(outcome)) onRefused(outcome.refusal);
      return outcome;
    },
    giveBack: async (messageId) => limiter?.release(messageId, "sends"),
    nextSendInMs: async (channel, address) => {
      if (!isEnabled) return 0;
      const now = clock.now();
      const charge = addressCharge({ lane: "otp", channel, address, tenant: "", subject: "" }, policy);
      return decideCharge(charge, await store.readSends(charge, now), now)?.retryAfterMs ?? 0;
    },
    readNumber: async (phone) => {
      const now = clock.now();
      const charge = addressCharge(numberSend(phone, "otp"), policy);
      const records = await store.readSends(charge, now);
      const failures = await store.readFailures({ kind: "phone", value: phone }, now);
      return {
        windows: charge.windows
          .filter((w) => w.refusal === "rate_limited" && w.counts === "sends")
          .map((window) => {
            const instants = countedIn(window, records, now);
            const oldest = instants.at(-1);
            return {
              windowSeconds: window.windowMs / 1000,
              limit: window.limit,
              count: instants.length,
              remaining: Math.max(0, window.limit - instants.length),
              resetAt: oldest === undefined ? null : oldest + window.windowMs,
            };
          }),
        retryAfterSeconds: toSeconds(decideCharge(charge, records, now)?.retryAfterMs ?? 0),
        failedGuesses: {
          count: failuresToday(failures, now),
          limit: maxFailuresPerDay,
          retryAfterSeconds: toSeconds(failureWaitMs(failures, maxFailuresPerDay, now)),
        },
      };
    },
    resetNumber: async (phone) => {
      const charges = [
        addressCharge(numberSend(phone, "otp"), policy),
        addressCharge(numberSend(phone, "notification"), policy),
      ];
      await store.resetNumber(phone, charges);
      await limiter?.reset(charges);
    },
  };
}
