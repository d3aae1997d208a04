import { describe, expect, it } from "vitest";
import type { Charge } from "../../src/domain/limits.ts";
import { FORGOTTEN, type ForgetStep } from "../../src/ports/retention-store.ts";
import type { Store } from "../../src/ports/store.ts";
import {
  chargeTo,
  checkStep,
  DAY,
  endAttempt,
  HOUR,
  LEASE,
  LIFE,
  MINUTE,
  NOW,
  newPhone,
  type OpenStore,
  SCOPE,
  sendsPer,
  start,
  times,
} from "./store-fixtures.ts";
import { claimStep, enqueue } from "./store-messages.ts";
import { useStore } from "./store-under-test.ts";

const hashAddress = (address: string) => `~${address.length}${[...address].toReversed().join("")}`;
/** No process's clock is further behind than that. */
const LEEWAY = MINUTE;

const forgetAt = (store: Store, now: number, over: Partial<ForgetStep> = {}) =>
  store.forgetOld({ now, limit: 100, hashAddress, ...over });

/** Goes round every table once and a little further. */
async function forgetAll(store: Store, now: number): Promise<void> {
  for (const _ of times(5, () => 0)) await forgetAt(store, now);
}

/** What is stuck is ended, what is old is forgotten, and nothing else is touched. */
export function retentionContract(open: OpenStore): void {
  describe("ending what is stuck", () => {
    const store = useStore(open);

    it("expires a message past its deadline although nobody may claim it", async () => {
      const charge = chargeTo(newPhone(), sendsPer(5, HOUR));
      const { messageId } = await start(store(), { charges: [charge] });
      await endAttempt(store(), { id: messageId }, { outcome: "throttled", retryAfterMs: MINUTE });
      const young = await enqueue(store(), {}, NOW + LIFE);
      expect((await store().sweepStuck({ now: NOW + LIFE - 1, limit: 100 })).messages).toEqual([]);
      const { messages } = await store().sweepStuck({ now: NOW + LIFE, limit: 100 });
      expect(messages).toMatchObject([{ id: messageId, state: "expired" }]);
      expect(await store().readSends(charge, NOW + LIFE)).toMatchObject([{ released: true }]);
      expect(await store().readMessage("default", young)).toMatchObject({ state: "queued" });
      expect((await store().messageTimeline("default", messageId)).at(-1)).toMatchObject({ type: "message.expired" });
    });

    it("leaves a message to the process that sends it, until its lease has ended", async () => {
      const id = await enqueue(store(), { deliverBefore: NOW + 1_000 });
      await store().claimMessages(claimStep());
      expect((await store().sweepStuck({ now: NOW + LEASE - 1, limit: 100 })).messages).toEqual([]);
      expect((await store().sweepStuck({ now: NOW + LEASE, limit: 100 })).messages).toMatchObject([
        { id, state: "unknown" },
      ]);
    });

    it("ends verifications past their life, each once", async () => {
      const all = await Promise.all(times(7, () => start(store())));
      const used = await start(store());
      await store().checkCode(checkStep({ target: { tenant: "default", id: used.verification.id } }));
      const now = NOW + LIFE + LEEWAY;
      const counts: number[] = [];
      for (const _ of times(4, () => 0)) counts.push((await store().sweepStuck({ now, limit: 3 })).verifications);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(7);
      expect(counts[3]).toBe(0);
      const read = async (id: string) => store().readVerification("default", id);
      for (const { verification } of all) {
        expect(await read(verification.id)).toMatchObject({ status: "expired", endedAt: NOW + LIFE });
      }
      expect(await read(used.verification.id)).toMatchObject({ status: "approved", endedAt: NOW });
    });

    it("ends none that can still be checked", async () => {
      const { verification } = await start(store());
      expect((await store().sweepStuck({ now: NOW + LIFE - 1, limit: 100 })).verifications).toBe(0);
      expect(await store().readVerification("default", verification.id)).toMatchObject({ status: "pending" });
    });
  });

  describe("forgetting what is old", () => {
    const store = useStore(open);
    const HASHED = /^~/;

    it("counts nothing where there is nothing", async () => {
      expect(await forgetAt(store(), NOW + 100 * DAY)).toEqual(Object.fromEntries(FORGOTTEN.map((kind) => [kind, 0])));
    });

    it("keeps no secret trace an hour after the end, and explains itself until then", async () => {
      const address = newPhone();
      const { verification } = await start(store(), { address });
      const ask = (now: number) => store().checkCode(checkStep({ target: { ...SCOPE, address }, now }));
      expect((await forgetAt(store(), NOW + LIFE + HOUR - 1)).secret_traces).toBe(0);
      expect((await ask(NOW + LIFE + HOUR - 1)).kind).toBe("expired");
      expect((await forgetAt(store(), NOW + LIFE + HOUR)).secret_traces).toBe(1);
      const kept = await store().readVerification("default", verification.id);
      expect(kept).toMatchObject({ id: verification.id, kid: "", address });
      expect(kept?.salt).toHaveLength(0);
      expect((await ask(NOW + LIFE + HOUR)).kind).toBe("none");
      expect((await forgetAt(store(), NOW + LIFE + 2 * HOUR)).secret_traces).toBe(0);
    });

    it("keeps counters and wrong guesses for 48 hours", async () => {
      const address = newPhone();
      const charge = chargeTo(address, sendsPer(500, 10 * DAY));
      const global: Charge = {
        dimension: "otp.global",
        key: "all",
        windows: [sendsPer(500, 10 * DAY)],
        bucketMs: MINUTE,
      };
      const charges = [charge, global];
      const { verification } = await start(store(), { address, charges });
      const target = { tenant: "default", id: verification.id };
      await store().checkCode(checkStep({ target, matches: () => false }));
      await start(store(), { address, charges, now: NOW + 1 });
      await forgetAll(store(), NOW + 2 * DAY - 1);
      expect(await store().readSends(charge, NOW + DAY)).toHaveLength(2);
      expect((await store().readFailures(address, NOW + DAY)).failures).toHaveLength(1);
      await forgetAll(store(), NOW + 2 * DAY);
      expect((await store().readSends(charge, NOW + DAY)).map(({ at }) => at)).toEqual([NOW + 1]);
      expect((await store().readFailures(address, NOW + DAY)).failures).toEqual([]);
    });

    it("keeps an idempotent answer for a day", async () => {
      const claim = { key: "k", request: "r", now: NOW };
      await store().claimKey(claim);
      await store().keepAnswer("k", { status: 200, body: "" });
      await forgetAll(store(), NOW + DAY - 1);
      expect((await store().claimKey(claim)).kind).toBe("replay");
      await forgetAll(store(), NOW + DAY);
      expect((await store().claimKey(claim)).kind).toBe("claimed");
    });

    it("replaces addresses by their keyed hash after 90 days", async () => {
      const address = newPhone();
      const old = await start(store(), { address, subject: "user-1" });
      const young = await start(store(), { address, now: NOW + DAY });
      await forgetAll(store(), NOW + 90 * DAY - 1);
      expect(await store().readMessage("default", old.messageId)).toMatchObject({ to: address.value });
      await forgetAll(store(), NOW + 90 * DAY + LIFE);
      const message = await store().readMessage("default", old.messageId);
      expect(message).toMatchObject({ id: old.messageId, to: hashAddress(address.value), text: null, userName: null });
      expect(await store().readVerification("default", old.verification.id)).toMatchObject({
        address: { kind: "phone", value: expect.stringMatching(HASHED) },
        subject: "",
      });
      expect(await store().readMessage("default", young.messageId)).toMatchObject({ to: address.value });
      expect(await store().readVerification("default", young.verification.id)).toMatchObject({ address });
      expect(await store().listMessages("default", { to: hashAddress(address.value), limit: 10 })).toHaveLength(1);
    });

    it("forgets events after 90 days", async () => {
      const { verification } = await start(store());
      const young = await start(store(), { now: NOW + DAY });
      await forgetAll(store(), NOW + 90 * DAY);
      expect(await store().verificationTimeline("default", verification.id)).toEqual([]);
      expect(await store().verificationTimeline("default", young.verification.id)).toHaveLength(1);
    });

    it("goes in small steps, and gets through", async () => {
      await Promise.all(times(25, () => start(store(), { charges: [chargeTo(newPhone(), sendsPer(5, HOUR))] })));
      const turns: number[] = [];
      for (const _ of times(4, () => 0)) {
        const counts = await forgetAt(store(), NOW + 100 * DAY, { limit: 10 });
        expect(Object.values(counts).every((count) => count <= 10)).toBe(true);
        turns.push(counts.message_addresses);
      }
      expect(turns).toEqual([10, 10, 5, 0]);
    });

    it("works while messages are sent and codes are checked", async () => {
      const sweeping = Promise.all(times(20, () => forgetAt(store(), NOW)));
      const started = await Promise.all(times(50, () => start(store())));
      const checks = started.map(({ verification: { id } }) =>
        store().checkCode(checkStep({ target: { tenant: "default", id } })),
      );
      expect((await Promise.all(checks)).every(({ kind }) => kind === "approved")).toBe(true);
      await sweeping;
    });
  });
}
