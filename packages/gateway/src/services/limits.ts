import type { Channel } from "@mestore/sms-gateway-contract";
import { addressCharge, type ChargedSend, chargesFor, type LimitPolicy } from "../domain/charges.ts";
import { clientBlock, isLoopback } from "../domain/client-address.ts";
import { failuresToday, failureWaitMs } from "../domain/failures.ts";
import { type Charge, countedIn, decideCharge, toRetryAfterSeconds } from "../domain/limits.ts";
import type { Address } from "../domain/verification.ts";
import type { Clock } from "../ports/clock.ts";
import type { LimitStore } from "../ports/limit-store.ts";
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

export interface Limits {
  charges(send: Omit<ChargedSend, "client"> & { readonly client?: Client }): readonly Charge[];
  /** Milliseconds until the counter of an address lets the next code through; 0 when it does now. */
  nextSendInMs(channel: Channel, address: Address): Promise<number>;
  readNumber(phone: string): Promise<NumberState>;
  /** Forgets the sends and the wrong guesses of a number. */
  resetNumber(phone: string): Promise<void>;
}

export interface LimitsOptions {
  readonly store: LimitStore & VerificationStore;
  readonly clock: Clock;
  readonly policy: LimitPolicy;
  readonly isEnabled: boolean;
  readonly maxFailuresPerDay: number;
  /** In development everybody is one client: this machine. */
  readonly ignoresLoopback: boolean;
}

const numberSend = (phone: string, lane: ChargedSend["lane"]): ChargedSend => ({
  lane,
  channel: "sms",
  address: { kind: "phone", value: phone },
  tenant: "",
  subject: "",
});

const toSeconds = (waitMs: number): number => (waitMs > 0 ? toRetryAfterSeconds(waitMs) : 0);

export function createLimits({
  store,
  clock,
  policy,
  isEnabled,
  maxFailuresPerDay,
  ignoresLoopback,
}: LimitsOptions): Limits {
  const toBlock = ({ address, kind }: Client): ChargedSend["client"] => {
    const block = ignoresLoopback && isLoopback(address) ? null : clientBlock(address);
    return block === null ? undefined : { block, kind };
  };

  return {
    charges: ({ client, ...send }) => {
      if (!isEnabled) return [];
      const block = client === undefined ? undefined : toBlock(client);
      return chargesFor({ ...send, ...(block === undefined ? {} : { client: block }) }, policy);
    },
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
    resetNumber: (phone) =>
      store.resetNumber(phone, [
        addressCharge(numberSend(phone, "otp"), policy),
        addressCharge(numberSend(phone, "notification"), policy),
      ]),
  };
}
