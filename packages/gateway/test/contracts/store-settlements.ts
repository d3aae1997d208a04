import { describe, expect, it } from "vitest";
import type { Receipt, SendResult } from "../../src/domain/delivery.ts";
import {
  attemptOf,
  chargeTo,
  conclude,
  endAttempt,
  HOUR,
  LIFE,
  MINUTE,
  NOW,
  newPhone,
  type OpenStore,
  sendsPer,
  start,
  tally,
  times,
} from "./store-fixtures.ts";
import { claimStep, enqueue } from "./store-messages.ts";
import { useStore } from "./store-under-test.ts";

const ACCEPTED: SendResult = { outcome: "accepted", providerMessageId: "p-1" };
const REJECTED: SendResult = { outcome: "rejected", code: "phone_landline", vendorCode: "21614" };

/** What an attempt came to, and what receipts say of it later. */
export function settleContract(open: OpenStore): void {
  describe("ending an attempt", () => {
    const store = useStore(open);

    const startCharged = async (address = newPhone()) => {
      const charge = chargeTo(address, sendsPer(50, HOUR));
      const { messageId, verification } = await start(store(), { address, charges: [charge] });
      const settle = (result: SendResult, attempt = 1, now = NOW + 1) =>
        endAttempt(store(), { id: messageId, attempt, now }, result);
      return { address, charge, messageId, verificationId: verification.id, settle };
    };
    const read = (id: string) => store().readMessage("default", id);
    const isReleased = async (charge: ReturnType<typeof chargeTo>) =>
      (await store().readSends(charge, NOW + 1)).map(({ released }) => released);

    it("is sent when the provider has it", async () => {
      const { messageId, charge, settle } = await startCharged();
      const sent = await settle(ACCEPTED);
      expect(sent).toMatchObject({ state: "sent", providerMessageId: "p-1", errorCode: null, updatedAt: NOW + 1 });
      expect(await read(messageId)).toEqual(sent);
      expect(await isReleased(charge)).toEqual([false]);
      expect((await store().messageTimeline("default", messageId)).at(-1)).toMatchObject({
        type: "message.sent",
        data: { attempt: 1, provider: "simulation", outcome: "accepted" },
      });
    });

    it("ends once, however often it is told", async () => {
      const { messageId } = await startCharged();
      const running = await attemptOf(store(), { id: messageId });
      const results = await Promise.all(
        times(100, (index) => conclude(store(), running, [index % 2 === 0 ? ACCEPTED : REJECTED, NOW])),
      );
      expect(results.filter((result) => result !== null)).toHaveLength(1);
      expect(await read(messageId)).toMatchObject({ state: "sent" });
      expect(await store().messageTimeline("default", messageId)).toHaveLength(2);
    });

    it("empties the text of a notification when it has ended", async () => {
      const id = await enqueue(store());
      await store().claimMessages(claimStep());
      const retry = await endAttempt(store(), { id }, { outcome: "unavailable" });
      expect(retry).toMatchObject({ state: "queued", text: "Su pedido va en camino" });
      await store().claimMessages(claimStep({ now: NOW + MINUTE }));
      expect(await endAttempt(store(), { id, attempt: 2, now: NOW + MINUTE }, ACCEPTED)).toMatchObject({ text: null });
      expect(await read(id)).toMatchObject({ state: "sent", text: null });
    });

    it("gives back the sends of a refused code, and its verification failed when it was the only one", async () => {
      const { messageId, verificationId, charge, settle } = await startCharged();
      expect(await settle(REJECTED)).toMatchObject({ state: "failed", errorCode: "phone_landline" });
      expect(await isReleased(charge)).toEqual([true]);
      expect(await store().readVerification("default", verificationId)).toMatchObject({
        status: "failed",
        sends: 0,
        endedAt: NOW + 1,
      });
      expect((await store().messageTimeline("default", messageId)).at(-1)).toMatchObject({
        type: "message.failed",
        data: { errorCode: "phone_landline", vendorCode: "21614", givenBack: true },
      });
    });

    it("keeps a code alive that was delivered before the refused send", async () => {
      const first = await startCharged();
      await first.settle(ACCEPTED);
      const second = await startCharged(first.address);
      expect(second.verificationId).toBe(first.verificationId);
      await second.settle(REJECTED);
      expect(await store().readVerification("default", first.verificationId)).toMatchObject({
        status: "pending",
        sends: 1,
      });
      expect((await isReleased(first.charge)).sort()).toEqual([false, true]);
    });

    it("fails the verification when every one of its sends was refused", async () => {
      const first = await startCharged();
      const second = await startCharged(first.address);
      await first.settle(REJECTED);
      expect(await store().readVerification("default", first.verificationId)).toMatchObject({ status: "pending" });
      await second.settle(REJECTED);
      expect(await store().readVerification("default", first.verificationId)).toMatchObject({ status: "failed" });
      const next = await start(store(), { address: first.address });
      expect(next.verification.id).not.toBe(first.verificationId);
    });

    it("waits as long as a throttling provider asks, then tries again", async () => {
      const { messageId, charge, settle } = await startCharged();
      expect(await settle({ outcome: "throttled", retryAfterMs: 7_000 })).toMatchObject({
        state: "queued",
        attempts: 1,
      });
      expect((await store().claimMessages(claimStep({ now: NOW + 7_000 }))).begun).toEqual([]);
      expect((await store().claimMessages(claimStep({ now: NOW + 7_001 }))).begun).toMatchObject([
        { id: messageId, attempts: 2 },
      ]);
      expect(await isReleased(charge)).toEqual([false]);
    });

    it("gives up after the last retry, and gives back", async () => {
      const { messageId, charge, verificationId, settle } = await startCharged();
      let now = NOW + 1;
      for (const attempt of [1, 2]) {
        expect(await settle({ outcome: "unavailable" }, attempt, now)).toMatchObject({ state: "queued" });
        now += MINUTE;
        expect((await store().claimMessages(claimStep({ now }))).begun).toHaveLength(1);
      }
      expect(await settle({ outcome: "unavailable" }, 3, now)).toMatchObject({
        state: "failed",
        errorCode: "delivery_failed",
        attempts: 3,
      });
      expect(await isReleased(charge)).toEqual([true]);
      expect(await store().readVerification("default", verificationId)).toMatchObject({ status: "failed" });
      expect(await read(messageId)).toMatchObject({ state: "failed" });
    });

    it("gives nothing back once an earlier attempt may have left", async () => {
      const { messageId, charge, verificationId, settle } = await startCharged();
      expect(await settle({ outcome: "unknown" })).toMatchObject({ state: "queued", unknownAttempts: 1 });
      await store().claimMessages(claimStep({ now: NOW + MINUTE }));
      expect(await settle(REJECTED, 2, NOW + MINUTE)).toMatchObject({ state: "unknown", errorCode: "phone_landline" });
      expect(await isReleased(charge)).toEqual([false]);
      expect(await store().readVerification("default", verificationId)).toMatchObject({ status: "pending", sends: 1 });
      expect(await read(messageId)).toMatchObject({ state: "unknown" });
    });

    it("leaves a verification that was approved in the meantime approved", async () => {
      const { verificationId, settle } = await startCharged();
      await store().checkCode({
        target: { tenant: "default", id: verificationId },
        matches: () => true,
        maxFailuresPerDay: 20,
        now: NOW,
      });
      await settle(REJECTED);
      expect(await store().readVerification("default", verificationId)).toMatchObject({ status: "approved" });
    });

    it("answers null for an attempt of nobody", async () => {
      const { messageId } = await startCharged();
      const nobody = { ...(await attemptOf(store(), { id: messageId })), id: "msg_nobody" };
      expect(await conclude(store(), nobody, [ACCEPTED, NOW])).toBeNull();
      expect(await endAttempt(store(), { id: messageId, attempt: 2 }, ACCEPTED)).toBeNull();
      expect(await read(messageId)).toMatchObject({ state: "sending" });
    });
  });

  describe("receipts", () => {
    const store = useStore(open);

    const sendOne = async () => {
      const { messageId } = await start(store());
      await endAttempt(store(), { id: messageId }, ACCEPTED);
      return messageId;
    };
    const apply = (id: string, receipt: Receipt, now = NOW + 1) => store().applyReceipt(id, receipt, now);
    const stateOf = async (id: string) => (await store().readMessage("default", id))?.state;

    it.each([
      { order: ["sent", "delivered"], moved: ["delivered"], end: "delivered" },
      { order: ["delivered", "sent"], moved: ["delivered"], end: "delivered" },
      { order: ["undelivered", "delivered"], moved: ["undelivered", "delivered"], end: "delivered" },
      { order: ["delivered", "undelivered"], moved: ["delivered"], end: "delivered" },
      { order: ["undelivered", "sent"], moved: ["undelivered"], end: "undelivered" },
      { order: ["sent", "undelivered", "undelivered"], moved: ["undelivered"], end: "undelivered" },
    ] as const)("moves forward only: $order ends $end", async ({ order, moved, end }) => {
      const id = await sendOne();
      const results: string[] = [];
      for (const state of order) {
        const message = await apply(id, { state });
        if (message !== null) results.push(message.state);
      }
      expect(results).toEqual(moved);
      expect(await stateOf(id)).toBe(end);
    });

    it("ends the same whatever the order in which hundreds arrive", async () => {
      const id = await sendOne();
      const states = ["undelivered", "sent", "delivered"] as const;
      const results = await Promise.all(times(300, (index) => apply(id, { state: states[index % 3] ?? "sent" })));
      expect(tally(results.map((message) => message?.state ?? "unmoved"))).toEqual({
        undelivered: 1,
        delivered: 1,
        unmoved: 298,
      });
      expect(await stateOf(id)).toBe("delivered");
    });

    it("notes why a message was not delivered", async () => {
      const id = await sendOne();
      const receipt = { state: "undelivered", code: "message_blocked", vendorCode: "30007" } as const;
      expect(await apply(id, receipt)).toMatchObject({ state: "undelivered", errorCode: "message_blocked" });
      expect((await store().messageTimeline("default", id)).at(-1)).toMatchObject({
        type: "message.undelivered",
        at: NOW + 1,
        data: { errorCode: "message_blocked", vendorCode: "30007" },
      });
    });

    it("may come before the answer of the call, which then only adds the vendor's id", async () => {
      const { messageId } = await start(store());
      const attempt = await attemptOf(store(), { id: messageId });
      expect(await apply(messageId, { state: "delivered" })).toMatchObject({ state: "delivered" });
      expect(await conclude(store(), attempt, [ACCEPTED, NOW + 2])).toMatchObject({
        state: "delivered",
        providerMessageId: "p-1",
      });
      expect(await conclude(store(), attempt, [ACCEPTED, NOW + 3])).toBeNull();
    });

    it("stands against a call that ended without an answer", async () => {
      const { messageId } = await start(store());
      await apply(messageId, { state: "delivered" });
      const attempt = await attemptOf(store(), { id: messageId });
      expect(await conclude(store(), attempt, [{ outcome: "unknown" }, NOW + 2])).toBeNull();
      expect(await conclude(store(), attempt, [REJECTED, NOW + 2])).toBeNull();
      expect(await stateOf(messageId)).toBe("delivered");
      expect((await store().claimMessages(claimStep({ now: NOW + LIFE / 2 }))).begun).toEqual([]);
    });

    it("moves a message whose outcome was unknown", async () => {
      const id = await enqueue(store());
      await store().claimMessages(claimStep());
      await endAttempt(store(), { id }, { outcome: "unknown" });
      expect(await stateOf(id)).toBe("unknown");
      expect(await apply(id, { state: "delivered" })).toMatchObject({ state: "delivered" });
    });

    it("keeps a code that waits for its second attempt from going out again", async () => {
      const { messageId } = await start(store());
      await endAttempt(store(), { id: messageId }, { outcome: "unknown" });
      await apply(messageId, { state: "delivered" });
      expect((await store().claimMessages(claimStep({ now: NOW + MINUTE }))).begun).toEqual([]);
    });

    it("is nothing for a message of nobody", async () => {
      expect(await apply("msg_nobody", { state: "delivered" })).toBeNull();
    });
  });
}
