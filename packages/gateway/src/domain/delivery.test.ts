import { MESSAGE_STATES, type MessageState } from "@mestore/sms-gateway-contract";
import { describe, expect, it } from "vitest";
import { type AttemptedMessage, afterAttempt as decide, isFinal, isForward, type SendResult } from "./delivery.ts";
import { nextProvider } from "./route.ts";

const NOW = 1_800_000_000_000;
const OTP: AttemptedMessage = { lane: "otp", tried: ["a"], unknownBefore: 0, deliverBefore: NOW + 600_000 };
const NOTIFICATION: AttemptedMessage = { ...OTP, lane: "notification", deliverBefore: NOW + 86_400_000 };

const ACCEPTED: SendResult = { outcome: "accepted", providerMessageId: "SM1" };
const LANDLINE: SendResult = { outcome: "rejected", code: "phone_landline" };
const DOWN: SendResult = { outcome: "unavailable" };
const UNKNOWN: SendResult = { outcome: "unknown" };

/** So many attempts of one provider. */
const times = (count: number): readonly string[] => Array.from({ length: count }, () => "a");

/** Decides with the providers that may be called; one alone unless told. */
const afterAttempt = (message: AttemptedMessage, result: SendResult, usable: readonly string[] = ["a"]) =>
  decide(message, result, { next: nextProvider(usable, message.tried), now: NOW });

describe("after one attempt", () => {
  it("waits for a receipt when the provider accepted", () => {
    expect(afterAttempt(OTP, ACCEPTED)).toEqual({ state: "sent", giveBack: false });
    expect(afterAttempt({ ...OTP, unknownBefore: 1, tried: times(2) }, ACCEPTED)).toEqual({
      state: "sent",
      giveBack: false,
    });
  });

  it.each([OTP, NOTIFICATION])("fails for good and gives back when it was rejected (%o)", (message) => {
    expect(afterAttempt(message, LANDLINE)).toEqual({
      state: "failed",
      errorCode: "phone_landline",
      giveBack: true,
    });
  });

  it("stays unknown and gives nothing back when an attempt before may have left", () => {
    const second = { ...OTP, tried: times(2), unknownBefore: 1 };
    expect(afterAttempt(second, LANDLINE)).toEqual({
      state: "unknown",
      errorCode: "phone_landline",
      giveBack: false,
    });
    expect(afterAttempt({ ...second, tried: times(4) }, DOWN)).toEqual({
      state: "unknown",
      errorCode: "delivery_failed",
      giveBack: false,
    });
  });

  it("sends an OTP once more after an unknown outcome, and a notification never", () => {
    expect(afterAttempt(OTP, UNKNOWN)).toEqual({
      state: "queued",
      nextAttemptAt: NOW + 1_000,
      nextProvider: "a",
      giveBack: false,
    });
    expect(afterAttempt({ ...OTP, tried: times(2), unknownBefore: 1 }, UNKNOWN)).toEqual({
      state: "unknown",
      giveBack: false,
    });
    expect(afterAttempt(NOTIFICATION, UNKNOWN)).toEqual({ state: "unknown", giveBack: false });
  });

  it.each([
    ["otp", [300, 1_000]],
    ["notification", [1_000, 5_000, 30_000, 120_000, 600_000]],
  ] as const)("tries the %s lane again after growing waits, then gives up and gives back", (lane, delays) => {
    const waits: number[] = [];
    for (let attempts = 1; attempts <= delays.length; attempts++) {
      const plan = afterAttempt({ ...NOTIFICATION, lane, tried: times(attempts) }, DOWN);
      expect(plan).toMatchObject({ state: "queued", giveBack: false });
      waits.push((plan.nextAttemptAt ?? 0) - NOW);
    }
    expect(waits).toEqual(delays);
    expect(afterAttempt({ ...NOTIFICATION, lane, tried: times(delays.length + 1) }, DOWN)).toEqual({
      state: "failed",
      errorCode: "delivery_failed",
      giveBack: true,
    });
  });

  it("waits as long as a throttling provider asks, and never less than its own wait", () => {
    const plan = (retryAfterMs?: number) =>
      afterAttempt(OTP, { outcome: "throttled", ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
    expect(plan(7_000).nextAttemptAt).toBe(NOW + 7_000);
    expect(plan(10).nextAttemptAt).toBe(NOW + 300);
    expect(plan().nextAttemptAt).toBe(NOW + 300);
  });

  it("never plans an attempt at or after the deadline", () => {
    const soon = (ms: number): AttemptedMessage => ({ ...OTP, deliverBefore: NOW + ms });
    expect(afterAttempt(soon(301), DOWN).state).toBe("queued");
    expect(afterAttempt(soon(300), DOWN)).toMatchObject({ state: "failed", giveBack: true });
    expect(afterAttempt(soon(1_001), UNKNOWN).state).toBe("queued");
    expect(afterAttempt(soon(1_000), UNKNOWN)).toEqual({ state: "unknown", giveBack: false });
    expect(afterAttempt(OTP, { outcome: "throttled", retryAfterMs: 600_000 }).state).toBe("failed");
  });
});

describe("with several providers", () => {
  const BOTH = ["a", "b"];
  const failover = { state: "queued", nextAttemptAt: NOW, nextProvider: "b", giveBack: false };
  const BAD_ACCOUNT: SendResult = { outcome: "rejected", code: "delivery_failed", change: ["provider"] };
  const THROTTLED: SendResult = { outcome: "throttled", retryAfterMs: 60_000 };

  it.each([DOWN, THROTTLED, BAD_ACCOUNT])("calls the next one at once when nothing was sent (%o)", (result) => {
    expect(afterAttempt(OTP, result, BOTH)).toEqual(failover);
    expect(afterAttempt(NOTIFICATION, result, BOTH)).toEqual(failover);
  });

  it("never switches where the number is the reason, or the person asked for it", () => {
    for (const code of ["phone_landline", "opted_out"] as const) {
      expect(afterAttempt(OTP, { outcome: "rejected", code }, BOTH)).toMatchObject({
        state: "failed",
        giveBack: true,
      });
    }
    const channel: SendResult = { outcome: "rejected", code: "message_blocked", change: ["channel"] };
    expect(afterAttempt(OTP, channel, BOTH)).toMatchObject({ state: "failed", errorCode: "message_blocked" });
  });

  it("calls another one once for an OTP that may have left, and never for a notification", () => {
    expect(afterAttempt(OTP, UNKNOWN, BOTH)).toEqual(failover);
    const second = { ...OTP, tried: BOTH, unknownBefore: 1 };
    expect(afterAttempt(second, UNKNOWN, [...BOTH, "c"])).toEqual({ state: "unknown", giveBack: false });
    expect(afterAttempt(NOTIFICATION, UNKNOWN, BOTH)).toEqual({ state: "unknown", giveBack: false });
  });

  it("waits when each has been called, then begins with the best again", () => {
    const round = { ...OTP, tried: BOTH };
    expect(afterAttempt(round, DOWN, BOTH)).toMatchObject({ nextAttemptAt: NOW + 300, nextProvider: "a" });
    expect(afterAttempt({ ...OTP, tried: ["a", "b", "a"] }, DOWN, BOTH)).toEqual(failover);
    const twice = { ...OTP, tried: [...BOTH, ...BOTH] };
    expect(afterAttempt(twice, DOWN, BOTH)).toMatchObject({ nextAttemptAt: NOW + 1_000, nextProvider: "a" });
    const thrice = { ...OTP, tried: [...BOTH, ...BOTH, ...BOTH] };
    expect(afterAttempt(thrice, DOWN, BOTH)).toMatchObject({ state: "failed", giveBack: true });
  });

  it("fails when nobody can be called any more", () => {
    expect(afterAttempt(OTP, DOWN, [])).toEqual({ state: "failed", errorCode: "delivery_failed", giveBack: true });
  });

  it("switches no more once the deadline has come", () => {
    expect(afterAttempt({ ...OTP, deliverBefore: NOW }, DOWN, BOTH)).toMatchObject({ state: "failed" });
  });
});

describe("states", () => {
  const receipts: readonly MessageState[] = ["sent", "delivered", "undelivered"];

  it("never move in a circle, so any order of receipts ends the same", () => {
    for (const from of MESSAGE_STATES) {
      expect(isForward(from, from)).toBe(false);
      for (const to of MESSAGE_STATES) expect(isForward(from, to) && isForward(to, from)).toBe(false);
    }
    const apply = (order: readonly MessageState[]) =>
      order.reduce<MessageState>((state, next) => (isForward(state, next) ? next : state), "sending");
    expect(apply(["sent", "undelivered", "delivered"])).toBe("delivered");
    expect(apply(["delivered", "undelivered", "sent"])).toBe("delivered");
    expect(apply(["undelivered", "sent", "undelivered"])).toBe("undelivered");
  });

  it("let a receipt move what was sent or may have been, and nothing move what was delivered", () => {
    for (const to of receipts) expect([to, isForward("unknown", to)]).toEqual([to, true]);
    for (const to of ["delivered", "undelivered"] as const) expect(isForward("sent", to)).toBe(true);
    for (const to of MESSAGE_STATES) expect(isForward("delivered", to)).toBe(false);
  });

  it("are final when nobody sends the text again", () => {
    expect(MESSAGE_STATES.filter(isFinal)).toEqual(["delivered", "undelivered", "failed", "unknown", "expired"]);
  });
});
