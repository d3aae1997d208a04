import { MESSAGE_STATES, type MessageState } from "@mestore/sms-gateway-contract";
import { describe, expect, it } from "vitest";
import { type AttemptedMessage, afterAttempt, isFinal, isForward, type SendResult } from "./delivery.ts";

const NOW = 1_800_000_000_000;
const OTP: AttemptedMessage = { lane: "otp", attempts: 1, unknownBefore: 0, deliverBefore: NOW + 600_000 };
const NOTIFICATION: AttemptedMessage = { ...OTP, lane: "notification", deliverBefore: NOW + 86_400_000 };

const ACCEPTED: SendResult = { outcome: "accepted", providerMessageId: "SM1" };
const LANDLINE: SendResult = { outcome: "rejected", code: "phone_landline" };
const DOWN: SendResult = { outcome: "unavailable" };
const UNKNOWN: SendResult = { outcome: "unknown" };

describe("after one attempt", () => {
  it("waits for a receipt when the provider accepted", () => {
    expect(afterAttempt(OTP, ACCEPTED, NOW)).toEqual({ state: "sent", giveBack: false });
    expect(afterAttempt({ ...OTP, unknownBefore: 1, attempts: 2 }, ACCEPTED, NOW)).toEqual({
      state: "sent",
      giveBack: false,
    });
  });

  it.each([OTP, NOTIFICATION])("fails for good and gives back when it was rejected (%o)", (message) => {
    expect(afterAttempt(message, LANDLINE, NOW)).toEqual({
      state: "failed",
      errorCode: "phone_landline",
      giveBack: true,
    });
  });

  it("stays unknown and gives nothing back when an attempt before may have left", () => {
    const second = { ...OTP, attempts: 2, unknownBefore: 1 };
    expect(afterAttempt(second, LANDLINE, NOW)).toEqual({
      state: "unknown",
      errorCode: "phone_landline",
      giveBack: false,
    });
    expect(afterAttempt({ ...second, attempts: 4 }, DOWN, NOW)).toEqual({
      state: "unknown",
      errorCode: "delivery_failed",
      giveBack: false,
    });
  });

  it("sends an OTP once more after an unknown outcome, and a notification never", () => {
    expect(afterAttempt(OTP, UNKNOWN, NOW)).toEqual({ state: "queued", nextAttemptAt: NOW + 1_000, giveBack: false });
    expect(afterAttempt({ ...OTP, attempts: 2, unknownBefore: 1 }, UNKNOWN, NOW)).toEqual({
      state: "unknown",
      giveBack: false,
    });
    expect(afterAttempt(NOTIFICATION, UNKNOWN, NOW)).toEqual({ state: "unknown", giveBack: false });
  });

  it.each([
    ["otp", [300, 1_000]],
    ["notification", [1_000, 5_000, 30_000, 120_000, 600_000]],
  ] as const)("tries the %s lane again after growing waits, then gives up and gives back", (lane, delays) => {
    const waits: number[] = [];
    for (let attempts = 1; attempts <= delays.length; attempts++) {
      const plan = afterAttempt({ ...NOTIFICATION, lane, attempts }, DOWN, NOW);
      expect(plan).toMatchObject({ state: "queued", giveBack: false });
      waits.push((plan.nextAttemptAt ?? 0) - NOW);
    }
    expect(waits).toEqual(delays);
    expect(afterAttempt({ ...NOTIFICATION, lane, attempts: delays.length + 1 }, DOWN, NOW)).toEqual({
      state: "failed",
      errorCode: "delivery_failed",
      giveBack: true,
    });
  });

  it("waits as long as a throttling provider asks, and never less than its own wait", () => {
    const plan = (retryAfterMs?: number) =>
      afterAttempt(OTP, { outcome: "throttled", ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }, NOW);
    expect(plan(7_000).nextAttemptAt).toBe(NOW + 7_000);
    expect(plan(10).nextAttemptAt).toBe(NOW + 300);
    expect(plan().nextAttemptAt).toBe(NOW + 300);
  });

  it("never plans an attempt at or after the deadline", () => {
    const soon = (ms: number): AttemptedMessage => ({ ...OTP, deliverBefore: NOW + ms });
    expect(afterAttempt(soon(301), DOWN, NOW).state).toBe("queued");
    expect(afterAttempt(soon(300), DOWN, NOW)).toMatchObject({ state: "failed", giveBack: true });
    expect(afterAttempt(soon(1_001), UNKNOWN, NOW).state).toBe("queued");
    expect(afterAttempt(soon(1_000), UNKNOWN, NOW)).toEqual({ state: "unknown", giveBack: false });
    expect(afterAttempt(OTP, { outcome: "throttled", retryAfterMs: 600_000 }, NOW).state).toBe("failed");
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
