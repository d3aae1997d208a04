import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ManualClock, manualClock, openTemporaryStore, type TemporaryStore } from "../../test/doubles.ts";
import { createSecrets } from "../adapters/system.ts";
import { AppError } from "../domain/app-error.ts";
import { createIdempotency, type Idempotency, type IdempotentRequest } from "./idempotency.ts";

const NOW = Date.UTC(2026, 0, 5, 12);
const DAY_MS = 24 * 3_600_000;
const secrets = createSecrets({ otpSecret: "a-secret-for-tests-only-0123456789", otpSecretPrevious: undefined });
const REQUEST: IdempotentRequest = {
  caller: "key:default",
  key: "order-1",
  route: "POST /v1/messages",
  body: { to: "3001234567", text: "hola" },
};

let temporary: TemporaryStore;
let clock: ManualClock;
let idempotency: Idempotency;
let acts: number;
beforeEach(async () => {
  temporary = await openTemporaryStore();
  clock = manualClock(NOW);
  idempotency = createIdempotency(temporary.store, clock, secrets);
  acts = 0;
});
afterEach(() => temporary.close());

const act = async () => {
  acts += 1;
  return { answer: { status: 202, body: `{"act":${acts}}` }, final: true };
};
const FIRST = { status: 202, body: '{"act":1}' };

describe("a request with an idempotency key", () => {
  it("acts once and is answered the same for a day", async () => {
    expect(await idempotency.once(REQUEST, act)).toEqual(FIRST);
    expect(await idempotency.once(REQUEST, act)).toEqual(FIRST);
    await clock.advance(DAY_MS - 1);
    expect(await idempotency.once(REQUEST, act)).toEqual(FIRST);
    expect(acts).toBe(1);
    await clock.advance(1);
    expect(await idempotency.once(REQUEST, act)).toEqual({ status: 202, body: '{"act":2}' });
  });

  it("acts once when a hundred arrive together; the others are told to come back", async () => {
    const results = await Promise.allSettled(Array.from({ length: 100 }, () => idempotency.once(REQUEST, act)));
    expect(acts).toBe(1);
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const refusals = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
    expect(refusals).toHaveLength(99);
    for (const error of refusals) {
      expect(error).toMatchObject({ code: "idempotency_running", details: { retryAfterSeconds: 30 } });
    }
  });

  it.each([
    { what: "another body", other: { body: { to: "3001234567", text: "adiós" } } },
    { what: "another route", other: { route: "POST /v1/verifications" } },
  ])("is refused with $what", async ({ other }) => {
    await idempotency.once(REQUEST, act);
    await expect(idempotency.once({ ...REQUEST, ...other }, act)).rejects.toMatchObject({
      code: "idempotency_mismatch",
    });
    expect(acts).toBe(1);
  });

  it("is another request for another caller or key", async () => {
    await idempotency.once(REQUEST, act);
    await idempotency.once({ ...REQUEST, caller: "key:shop" }, act);
    await idempotency.once({ ...REQUEST, key: "order-2" }, act);
    expect(acts).toBe(3);
  });

  it("does not mix up a caller and a key that read alike together", async () => {
    await idempotency.once({ ...REQUEST, caller: "a", key: "bc" }, act);
    await idempotency.once({ ...REQUEST, caller: "ab", key: "c" }, act);
    expect(acts).toBe(2);
  });

  it("may be sent again when it threw", async () => {
    const refused = idempotency.once(REQUEST, async () => {
      throw new AppError("rate_limited", { retryAfterSeconds: 9 });
    });
    await expect(refused).rejects.toMatchObject({ code: "rate_limited" });
    expect(await idempotency.once(REQUEST, act)).toEqual(FIRST);
  });

  it("may be sent again when it came to nothing on our side, even if a first answer was kept", async () => {
    const failed = await idempotency.once(REQUEST, async (key) => {
      await temporary.store.keepAnswer(key, { status: 202, body: "on its way" });
      return { answer: { status: 503, body: "{}" }, final: false };
    });
    expect(failed.status).toBe(503);
    expect(await idempotency.once(REQUEST, act)).toEqual(FIRST);
  });

  it("reads the first answer when the process died after the commit", async () => {
    const onItsWay = { status: 202, body: '{"state":"sending"}' };
    void idempotency.once(REQUEST, async (key) => {
      await temporary.store.keepAnswer(key, onItsWay);
      return new Promise(() => undefined);
    });
    await clock.advance(1);
    expect(await idempotency.once(REQUEST, act)).toEqual(onItsWay);
    expect(acts).toBe(0);
  });

  it("is taken over after thirty seconds when the process died before the commit", async () => {
    void idempotency.once(REQUEST, () => new Promise(() => undefined));
    await clock.advance(29_999);
    await expect(idempotency.once(REQUEST, act)).rejects.toMatchObject({
      code: "idempotency_running",
      details: { retryAfterSeconds: 1 },
    });
    await clock.advance(1);
    expect(await idempotency.once(REQUEST, act)).toEqual(FIRST);
  });

  it("keeps neither the key nor the body as they were given", async () => {
    let stored = "";
    await idempotency.once(REQUEST, async (key) => {
      stored = key;
      return { answer: FIRST, final: true };
    });
    expect(stored).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(stored).not.toContain(REQUEST.key);
  });
});
