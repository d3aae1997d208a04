import { describe, expect, it } from "vitest";
import { afterGuess, isLive, isReusable, statusAt } from "./verification.ts";

const NOW = 1_800_000_000_000;
const LIVE = { status: "pending", expiresAt: NOW + 600_000, attempts: 0, maxAttempts: 5 } as const;
const ENDED = ["approved", "canceled", "max_attempts_reached", "expired", "failed"] as const;

describe("a live verification", () => {
  it("is pending, before its end, with attempts left", () => {
    expect(isLive(LIVE, NOW)).toBe(true);
    expect(isLive({ ...LIVE, attempts: 4 }, NOW)).toBe(true);
    expect(isLive({ ...LIVE, attempts: 5 }, NOW)).toBe(false);
  });

  it("lives up to the last millisecond and not at its end", () => {
    expect(isLive(LIVE, LIVE.expiresAt - 1)).toBe(true);
    expect(isLive(LIVE, LIVE.expiresAt)).toBe(false);
  });

  it.each(ENDED)("is over when it is %s, whatever life it had left", (status) => {
    expect(isLive({ ...LIVE, status }, NOW)).toBe(false);
    expect(isReusable({ ...LIVE, status }, NOW)).toBe(false);
    expect(statusAt({ ...LIVE, status }, LIVE.expiresAt + 1)).toBe(status);
  });

  it("is reused while a minute of life remains", () => {
    expect(isReusable(LIVE, LIVE.expiresAt - 60_000)).toBe(true);
    expect(isReusable(LIVE, LIVE.expiresAt - 59_999)).toBe(false);
    expect(isReusable({ ...LIVE, attempts: 5 }, NOW)).toBe(false);
  });

  it("reads as expired from its end on, although nothing wrote it", () => {
    expect(statusAt(LIVE, LIVE.expiresAt - 1)).toBe("pending");
    expect(statusAt(LIVE, LIVE.expiresAt)).toBe("expired");
  });
});

describe("a guess", () => {
  it("approves when it is right, at the last attempt too, and counts", () => {
    expect(afterGuess(LIVE, true)).toEqual({ status: "approved", attempts: 1 });
    expect(afterGuess({ ...LIVE, attempts: 4 }, true)).toEqual({ status: "approved", attempts: 5 });
  });

  it("counts when it is wrong, and the fifth ends the verification", () => {
    let life: Parameters<typeof afterGuess>[0] = LIVE;
    const statuses: string[] = [];
    while (isLive(life, NOW)) {
      life = { ...life, ...afterGuess(life, false) };
      statuses.push(life.status);
    }
    expect(statuses).toEqual(["pending", "pending", "pending", "pending", "max_attempts_reached"]);
    expect(life.attempts).toBe(5);
  });

  it("ends a verification of one attempt at once", () => {
    expect(afterGuess({ ...LIVE, maxAttempts: 1 }, false)).toEqual({ status: "max_attempts_reached", attempts: 1 });
  });
});
