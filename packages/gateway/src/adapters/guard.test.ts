import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fakeProvider, heldAnswer, manualClock } from "../../test/doubles.ts";
import type { OutgoingMessage, SendResult } from "../domain/delivery.ts";
import { guard } from "./guard.ts";

const NOW = Date.UTC(2026, 0, 5, 12);
const HALF_OPEN_AFTER_MS = 5_000;
const MOST_AT_ONCE = 64;
const MOST_WAITING = 1_000;

const DOWN: SendResult = { outcome: "unavailable", vendorCode: "503" };
const OK: SendResult = { outcome: "accepted", providerMessageId: "p" };
const BREAKER_OPEN: SendResult = { outcome: "unavailable", vendorCode: "breaker_open" };

const message: OutgoingMessage = {
  id: "msg_1",
  lane: "otp",
  channel: "sms",
  country: "CO",
  to: "+573001234567",
  text: "123456 es tu clave",
  deliverBefore: NOW + 600_000,
  callBefore: NOW + 20_000,
};
const forever = new AbortController().signal;

/** The breaker reads the machine's clock, so these tests hold it. */
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
});
afterEach(() => {
  vi.useRealTimers();
});

const pass = (ms: number): void => {
  vi.setSystemTime(Date.now() + ms);
};

/** A provider that is as well as the test says. */
function guarded(initial: SendResult) {
  const clock = manualClock(NOW);
  let result = initial;
  const provider = fakeProvider("sms", () => result);
  const guardedProvider = guard(provider, clock);
  return {
    clock,
    calls: provider.calls,
    guarded: guardedProvider,
    becomes: (next: SendResult) => {
      result = next;
    },
    sendMany: async (count: number): Promise<readonly SendResult[]> => {
      const results: SendResult[] = [];
      for (let sent = 0; sent < count; sent++) {
        results.push(await guardedProvider.send(message, forever));
        pass(100);
      }
      return results;
    },
  };
}

describe("the breaker of a provider", () => {
  it.each([{ outcome: "unavailable" }, { outcome: "unknown" }] as const)(
    "opens within twenty failures of ten seconds ($outcome) and then calls nobody",
    async (failure) => {
      const { guarded: provider, calls, sendMany } = guarded(failure);
      await sendMany(21);
      expect(provider.health().breaker).toBe("open");
      const before = calls.length;
      expect(before).toBeLessThanOrEqual(21);
      expect(await provider.send(message, forever)).toEqual(BREAKER_OPEN);
      expect(calls).toHaveLength(before);
    },
  );

  it("stays closed for a few failures", async () => {
    const { guarded: provider, sendMany } = guarded(DOWN);
    await sendMany(10);
    expect(provider.health()).toEqual({ breaker: "closed", lastSuccessAt: null, lastError: "unavailable (503)" });
  });

  it.each([
    { outcome: "rejected", code: "phone_landline", vendorCode: "21614" },
    { outcome: "throttled", retryAfterMs: 1_000 },
  ] as const)("does not count what is no fault of the provider: $outcome", async (result) => {
    const { guarded: provider, calls, sendMany } = guarded(result);
    await sendMany(60);
    expect(provider.health().breaker).toBe("closed");
    expect(calls).toHaveLength(60);
  });

  it("lets one call try after five seconds, and closes when it goes well", async () => {
    const { guarded: provider, calls, becomes, sendMany } = guarded(DOWN);
    await sendMany(25);
    becomes(OK);
    pass(HALF_OPEN_AFTER_MS);
    const before = calls.length;
    expect(await provider.send(message, forever)).toEqual(OK);
    expect(calls).toHaveLength(before + 1);
    expect(provider.health().breaker).toBe("closed");
    expect(await sendMany(10)).toEqual(Array.from({ length: 10 }, () => OK));
  });

  it("opens again when that one call fails", async () => {
    const { guarded: provider, calls, sendMany } = guarded(DOWN);
    await sendMany(25);
    pass(HALF_OPEN_AFTER_MS);
    const before = calls.length;
    expect(await provider.send(message, forever)).toEqual(DOWN);
    expect(provider.health().breaker).toBe("open");
    expect(await provider.send(message, forever)).toEqual(BREAKER_OPEN);
    expect(calls).toHaveLength(before + 1);
  });

  it("lets only one of many calls at once try", async () => {
    const { guarded: provider, calls, becomes, sendMany } = guarded(DOWN);
    await sendMany(25);
    pass(HALF_OPEN_AFTER_MS);
    const before = calls.length;
    becomes(DOWN);
    await Promise.all(Array.from({ length: 20 }, () => provider.send(message, forever)));
    expect(calls.length - before).toBe(1);
  });

  it("is one for each provider", async () => {
    const sick = guarded(DOWN);
    const well = guarded(OK);
    await sick.sendMany(25);
    expect(await well.guarded.send(message, forever)).toEqual(OK);
  });
});

describe("the bulkhead of a provider", () => {
  it("calls 64 at once, lets a thousand wait, and throttles the rest", async () => {
    const held = heldAnswer();
    const provider = fakeProvider("sms", held.answer);
    const guardedProvider = guard(provider, manualClock(NOW));
    const results = Array.from({ length: MOST_AT_ONCE + MOST_WAITING + 50 }, () =>
      guardedProvider.send(message, forever),
    );
    const full = await Promise.all(results.slice(MOST_AT_ONCE + MOST_WAITING));
    expect(full).toEqual(Array.from({ length: 50 }, () => ({ outcome: "throttled", vendorCode: "bulkhead_full" })));
    expect(provider.calls).toHaveLength(MOST_AT_ONCE);
    held.release(OK);
    expect(await Promise.all(results.slice(0, MOST_AT_ONCE + MOST_WAITING))).toEqual(
      Array.from({ length: MOST_AT_ONCE + MOST_WAITING }, () => OK),
    );
    expect(provider.calls).toHaveLength(MOST_AT_ONCE + MOST_WAITING);
    expect(guardedProvider.health().breaker).toBe("closed");
  });

  it("begins no call after the instant until which it may begin", async () => {
    const { guarded: provider, clock, calls } = guarded(OK);
    await clock.advance(message.callBefore - NOW - 1);
    expect(await provider.send(message, forever)).toEqual(OK);
    await clock.advance(1);
    expect(await provider.send(message, forever)).toEqual({ outcome: "throttled", vendorCode: "too_late" });
    expect(calls).toHaveLength(1);
  });
});

describe("what a guarded provider says of itself", () => {
  it("notes the last success and the last failure", async () => {
    const { guarded: provider, clock, becomes } = guarded(OK);
    await clock.advance(1_000);
    await provider.send(message, forever);
    becomes({ outcome: "rejected", code: "opted_out", vendorCode: "21610" });
    await provider.send(message, forever);
    expect(provider.health()).toEqual({
      breaker: "closed",
      lastSuccessAt: NOW + 1_000,
      lastError: "rejected (21610)",
    });
  });

  it("passes on who it is, its check and its end", async () => {
    let isClosed = false;
    const inner = {
      ...fakeProvider("email"),
      close: async () => {
        isClosed = true;
      },
    };
    const provider = guard(inner, manualClock(NOW));
    expect([provider.id, provider.channel, provider.simulated]).toEqual(["fake-email", "email", false]);
    expect(await provider.check(forever)).toEqual({ ok: true, detail: "fake" });
    await provider.close?.();
    expect(isClosed).toBe(true);
  });

  it("lets an error through that no provider should throw", async () => {
    const broken = fakeProvider("sms", () => {
      throw new Error("a bug");
    });
    await expect(guard(broken, manualClock(NOW)).send(message, forever)).rejects.toThrow("a bug");
  });
});
