import {
  BrokenCircuitError,
  BulkheadRejectedError,
  bulkhead,
  CircuitState,
  circuitBreaker,
  handleWhenResult,
  SamplingBreaker,
  wrap,
} from "cockatiel";
import { CALLS_AT_ONCE, type OutgoingMessage, type SendResult } from "../domain/delivery.ts";
import type { Clock } from "../ports/clock.ts";
import type { GuardedProvider, Provider, ProviderHealth } from "../ports/provider.ts";

const MAX_WAITING = 1_000;
const HALF_OPEN_AFTER_MS = 5_000;
/** Opens when half of the calls of ten seconds failed, at two calls a second or more. */
const SAMPLING = { threshold: 0.5, duration: 10_000, minimumRps: 2 } as const;

const BREAKER_NAMES: Readonly<Record<CircuitState, ProviderHealth["breaker"]>> = {
  [CircuitState.Closed]: "closed",
  [CircuitState.Open]: "open",
  [CircuitState.HalfOpen]: "half_open",
  [CircuitState.Isolated]: "open",
};

/** Nothing left, and it is nobody's fault: a breaker does not count it. */
const TOO_LATE: SendResult = { outcome: "throttled", vendorCode: "too_late" };

const isProviderFailure = (result: unknown): boolean => {
  const { outcome } = result as SendResult;
  return outcome === "unavailable" || outcome === "unknown";
};

/** Puts a breaker, and a bulkhead for each lane, around a provider. Its own timeouts stay its own. */
export function guard(provider: Provider, clock: Clock): GuardedProvider {
  const breaker = circuitBreaker(handleWhenResult(isProviderFailure), {
    halfOpenAfter: HALF_OPEN_AFTER_MS,
    breaker: new SamplingBreaker(SAMPLING),
  });
  const policies = {
    otp: wrap(bulkhead(CALLS_AT_ONCE.otp, MAX_WAITING), breaker),
    notification: wrap(bulkhead(CALLS_AT_ONCE.notification, MAX_WAITING), breaker),
  };
  let lastSuccessAt: number | null = null;
  let lastError: string | null = null;

  const note = (result: SendResult): SendResult => {
    if (result.outcome === "accepted") lastSuccessAt = clock.now();
    else {
      const detail = "vendorCode" in result ? result.vendorCode : undefined;
      lastError = detail === undefined ? result.outcome : `${result.outcome} (${detail})`;
    }
    return result;
  };

  /** A message may have waited in the bulkhead for longer than anybody wants it. */
  const sendInTime = async (message: OutgoingMessage, signal: AbortSignal): Promise<SendResult> =>
    clock.now() < message.callBefore ? provider.send(message, signal) : TOO_LATE;

  return {
    id: provider.id,
    channel: provider.channel,
    simulated: provider.simulated,
    send: async (message, signal) => {
      try {
        return note(await policies[message.lane].execute(() => sendInTime(message, signal)));
      } catch (error) {
        if (error instanceof BrokenCircuitError) return { outcome: "unavailable", vendorCode: "breaker_open" };
        if (error instanceof BulkheadRejectedError) return { outcome: "throttled", vendorCode: "bulkhead_full" };
        throw error;
      }
    },
    problemWith: (destination) => provider.problemWith?.(destination) ?? null,
    ...(provider.readReceipt === undefined ? {} : { readReceipt: provider.readReceipt }),
    ...(provider.writeScript === undefined ? {} : { writeScript: provider.writeScript }),
    ...(provider.readInbound === undefined ? {} : { readInbound: provider.readInbound }),
    ...(provider.explain === undefined ? {} : { explain: provider.explain }),
    check: (signal) => provider.check(signal),
    close: async () => provider.close?.(),
    health: () => ({ breaker: BREAKER_NAMES[breaker.state], lastSuccessAt, lastError }),
  };
}
