import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createSecrets, createSystemClock } from "./system.ts";

/** Two hands that a test moves. */
const handMovedTime = (wall: number) => {
  const hands = { wall, steady: 0 };
  const pass = (ms: number): void => {
    hands.wall += ms;
    hands.steady += ms;
  };
  return { hands, pass, source: { wallMs: () => hands.wall, steadyMs: () => hands.steady } };
};

describe("the system clock", () => {
  it("tells the time of the machine", () => {
    const before = Date.now();
    const now = createSystemClock().now();
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(Date.now() + 1);
  });

  it("goes on at its pace when the wall clock is set back", () => {
    const { hands, pass, source } = handMovedTime(1_000_000);
    const clock = createSystemClock(source);
    pass(500);
    expect(clock.now()).toBe(1_000_500);
    hands.wall -= 600_000;
    expect(clock.now()).toBe(1_000_500);
    pass(250.75);
    expect(clock.now()).toBe(1_000_750);
    pass(250.75);
    expect(clock.now()).toBe(1_001_001);
  });

  it("follows a wall clock set forward", () => {
    const { hands, source } = handMovedTime(1_000_000);
    const clock = createSystemClock(source);
    hands.wall += 3_600_000;
    expect(clock.now()).toBe(4_600_000);
  });

  it("never goes backwards, whatever the hands do", () => {
    const { hands, source } = handMovedTime(1_000_000);
    const clock = createSystemClock(source);
    let last = clock.now();
    for (const [wall, steady] of [
      [5, 1],
      [-90_000, 2],
      [0, 0],
      [70_000, -3],
      [40_000, 10],
      [-1, 1],
    ] as const) {
      hands.wall += wall;
      hands.steady += steady;
      const now = clock.now();
      expect(now).toBeGreaterThanOrEqual(last);
      last = now;
    }
  });

  it("sleeps as long as told", async () => {
    const started = performance.now();
    await createSystemClock().sleep(30);
    expect(performance.now() - started).toBeGreaterThanOrEqual(29);
  });

  it("wakes at once when the signal aborts, before or during the sleep", async () => {
    const started = performance.now();
    const alarm = new AbortController();
    const sleeping = createSystemClock().sleep(60_000, alarm.signal);
    alarm.abort();
    await sleeping;
    await createSystemClock().sleep(60_000, alarm.signal);
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it("sleeps longer than a timer can", async () => {
    const alarm = new AbortController();
    let isAwake = false;
    const sleeping = createSystemClock()
      .sleep(2 ** 32, alarm.signal)
      .then(() => {
        isAwake = true;
      });
    await createSystemClock().sleep(20);
    expect(isAwake).toBe(false);
    alarm.abort();
    await sleeping;
  });
});

describe("secrets", () => {
  const message = new TextEncoder().encode("message");
  const old = createSecrets({ otpSecret: "first", otpSecretPrevious: undefined });
  const rotated = createSecrets({ otpSecret: "second", otpSecretPrevious: "first" });

  it("mac with HMAC-SHA256 under the OTP secret", () => {
    const expected = createHmac("sha256", "first").update("message").digest();
    expect(Buffer.from(old.codeMac(old.currentKid, message) ?? [])).toEqual(expected);
  });

  it("still know the secret before the rotation, and make new codes with the new one", () => {
    expect(rotated.currentKid).not.toBe(old.currentKid);
    expect(rotated.codeMac(old.currentKid, message)).toEqual(old.codeMac(old.currentKid, message));
    expect(rotated.codeMac(rotated.currentKid, message)).not.toEqual(old.codeMac(old.currentKid, message));
  });

  it("have no MAC for a secret that is gone", () => {
    expect(old.codeMac(rotated.currentKid, message)).toBeNull();
  });

  it("name a secret by a short fingerprint that stays", () => {
    expect(old.currentKid).toMatch(/^[A-Za-z0-9_-]{8}$/);
    expect(createSecrets({ otpSecret: "first", otpSecretPrevious: undefined }).currentKid).toBe(old.currentKid);
  });

  it.each([
    ["123456", "123456", true],
    ["123456", "123457", false],
    ["123456", "12345", false],
    ["", "", true],
    ["ñ", "n", false],
  ])("compare %j and %j", (a, b, expected) => {
    expect(old.isEqual(a, b)).toBe(expected);
  });

  it("fingerprint with SHA-256", () => {
    expect(old.fingerprint("abc")).toBe("ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
  });

  it("never give the same bytes twice, across refills of the pool", () => {
    const seen = new Set<string>();
    for (let i = 0; i < 3_000; i++) seen.add(Buffer.from(old.randomBytes(16)).toString("hex"));
    expect(seen.size).toBe(3_000);
  });

  it.each([0, 1, 16, 5_000, 8_192, 20_000])("give %i bytes", (size) => {
    const bytes = old.randomBytes(size);
    expect(bytes).toHaveLength(size);
    if (size > 100) expect(new Set(bytes).size).toBeGreaterThan(80);
  });

  it("give random text of as many bytes", () => {
    const texts = Array.from({ length: 100 }, () => old.randomText(32));
    for (const text of texts) expect(text).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(new Set(texts).size).toBe(100);
  });

  it("give bytes that nobody else holds", () => {
    const first = old.randomBytes(32);
    const copy = Uint8Array.from(first);
    first.fill(0);
    const second = old.randomBytes(32);
    expect(second.some((byte) => byte !== 0)).toBe(true);
    expect(second).not.toEqual(copy);
    expect(first.buffer).not.toBe(second.buffer);
    expect(first.buffer.byteLength).toBe(32);
  });
});
