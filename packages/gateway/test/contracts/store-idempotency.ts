import { describe, expect, it } from "vitest";
import { HOUR, NOW, type OpenStore, SECOND, startStep, tally, times } from "./store-fixtures.ts";
import { useStore } from "./store-under-test.ts";

const ANSWER = { status: 201, body: '{"id":"ver_1"}' };
const LEASE = 30 * SECOND;

/** Idempotency keys: one claimer, the same answer for a day. */
export function idempotencyContract(open: OpenStore): void {
  describe("idempotency keys", () => {
    const store = useStore(open);
    const claim = (now = NOW, request = "request") => store().claimKey({ key: "key", request, now });

    it("gives a key to one of hundreds at once", async () => {
      const outcomes = await Promise.all(times(300, () => claim()));
      expect(tally(outcomes.map(({ kind }) => kind))).toEqual({ claimed: 1, running: 299 });
      expect(outcomes.find(({ kind }) => kind === "running")).toEqual({ kind: "running", retryAfterMs: LEASE });
    });

    it("replays the answer to the same request", async () => {
      await claim();
      await store().keepAnswer("key", ANSWER);
      const outcomes = await Promise.all(times(50, () => claim(NOW + 2)));
      expect(outcomes).toEqual(times(50, () => ({ kind: "replay", answer: ANSWER })));
    });

    it("replays the newest answer", async () => {
      await claim();
      await store().keepAnswer("key", { status: 202, body: "on its way" });
      await store().keepAnswer("key", ANSWER);
      expect(await claim()).toEqual({ kind: "replay", answer: ANSWER });
    });

    it("refuses another request under the same key, running or answered", async () => {
      await claim();
      expect(await claim(NOW, "other")).toEqual({ kind: "mismatch" });
      await store().keepAnswer("key", ANSWER);
      expect(await claim(NOW, "other")).toEqual({ kind: "mismatch" });
      expect(await claim(NOW + LEASE, "other")).toEqual({ kind: "mismatch" });
    });

    it("lets somebody else take over after thirty seconds, to the millisecond", async () => {
      await claim();
      expect(await claim(NOW + LEASE - 1)).toEqual({ kind: "running", retryAfterMs: 1 });
      const outcomes = await Promise.all(times(100, () => claim(NOW + LEASE)));
      expect(tally(outcomes.map(({ kind }) => kind))).toEqual({ claimed: 1, running: 99 });
      expect(outcomes[99]).toEqual({ kind: "running", retryAfterMs: LEASE });
    });

    it("undoes the work of a request that stalled until somebody else had answered", async () => {
      const answer = () => ANSWER;
      await claim();
      await claim(NOW + LEASE);
      const taker = await store().startVerification(startStep({ idempotency: { key: "key", answer } }));
      expect(taker.kind).toBe("started");
      const late = startStep({ idempotency: { key: "key", answer } });
      await expect(store().startVerification(late)).rejects.toMatchObject({ code: "idempotency_running" });
      expect(await store().readVerification(late.tenant, late.fresh.id)).toBeNull();
      expect(await store().readMessage(late.tenant, late.message.id)).toBeNull();
    });

    it("keeps an answer for a day, to the millisecond", async () => {
      await claim();
      await store().keepAnswer("key", ANSWER);
      expect((await claim(NOW + 24 * HOUR - 1)).kind).toBe("replay");
      expect((await claim(NOW + 24 * HOUR, "other")).kind).toBe("claimed");
      expect((await claim(NOW + 24 * HOUR, "other")).kind).toBe("running");
    });

    it("frees a key whose request changed nothing, and keeps one that was answered", async () => {
      await claim();
      await store().releaseKey("key");
      expect((await claim(NOW, "other")).kind).toBe("claimed");
      await store().keepAnswer("key", ANSWER);
      await store().releaseKey("key");
      expect((await claim(NOW, "other")).kind).toBe("replay");
    });

    it("forgets a key whatever it holds", async () => {
      await claim();
      await store().keepAnswer("key", ANSWER);
      await store().forgetKey("key");
      expect((await claim(NOW, "other")).kind).toBe("claimed");
      await store().forgetKey("nobody's");
    });

    it("keeps two keys apart", async () => {
      await claim();
      expect(await store().claimKey({ key: "key2", request: "other", now: NOW })).toEqual({ kind: "claimed" });
    });
  });
}
