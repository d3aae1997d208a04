import { describe, expect, it } from "vitest";
import type { SendResult } from "../../src/domain/delivery.ts";
import type { Started, StartStep } from "../../src/ports/verification-store.ts";
import {
  chargeTo,
  checkStep,
  endAttempt,
  HOUR,
  LIFE,
  MINUTE,
  NOW,
  newPhone,
  type OpenStore,
  sendsPer,
  start,
  startStep,
  times,
} from "./store-fixtures.ts";
import { useStore } from "./store-under-test.ts";

const LANDLINE: SendResult = { outcome: "rejected", code: "phone_landline" };
const OPTED_OUT: SendResult = { outcome: "rejected", code: "opted_out" };
const ACCEPTED: SendResult = { outcome: "accepted", providerMessageId: "p-1" };

/** The next channel of a verification takes over from a message that did not arrive. */
export function fallbackContract(open: OpenStore): void {
  describe("falling back", () => {
    const store = useStore(open);
    const startBoth = (over: Partial<StartStep> = {}) => start(store(), { fallback: ["whatsapp", "voice"], ...over });
    const due = (until = NOW + HOUR) => store().listFallbacks(until, 10);
    const read = (id: string) => store().readVerification("default", id);

    const continueWith = ({ verification, messageId }: Started, over: Partial<StartStep> = {}) =>
      store().startVerification(
        startStep({
          ...{ address: verification.address, channel: "whatsapp", fallback: ["voice"] },
          continues: { verificationId: verification.id, messageId, reason: "phone_landline" },
          now: NOW + MINUTE,
          ...over,
        }),
      );

    it("waits for its next channel when a send was refused, and does not fail", async () => {
      const { verification, messageId } = await startBoth();
      expect(verification).toMatchObject({ fallback: ["whatsapp", "voice"], lastMessageId: messageId });
      expect(await due()).toEqual([]);
      await endAttempt(store(), { id: messageId, now: NOW + 1 }, LANDLINE);
      expect(await due()).toEqual([{ tenant: "default", id: verification.id }]);
      expect(await due(NOW)).toEqual([]);
      expect(await read(verification.id)).toMatchObject({ status: "pending", sends: 0, endedAt: null });
    });

    it("waits for it when a receipt says that it did not arrive", async () => {
      const { verification, messageId } = await startBoth();
      await endAttempt(store(), { id: messageId }, ACCEPTED);
      const receipt = { state: "undelivered", code: "handset_unreachable" } as const;
      await store().applyReceipt(messageId, receipt, NOW + 2);
      expect(await due()).toEqual([{ tenant: "default", id: verification.id }]);
      expect(await read(verification.id)).toMatchObject({ status: "pending", sends: 1 });
    });

    it.each([
      { why: "the person wants no messages", result: OPTED_OUT, over: {} },
      { why: "nobody knows whether it left", result: { outcome: "unknown" } as const, over: {} },
      { why: "it arrived", result: ACCEPTED, over: {} },
      { why: "there is no other channel", result: LANDLINE, over: { fallback: [] } },
    ])("waits for nothing when $why", async ({ result, over }) => {
      const { messageId } = await startBoth(over);
      await endAttempt(store(), { id: messageId }, result);
      expect(await due()).toEqual([]);
    });

    it("fails when no channel is left", async () => {
      const { verification, messageId } = await startBoth({ fallback: [] });
      await endAttempt(store(), { id: messageId, now: NOW + 1 }, LANDLINE);
      expect(await read(verification.id)).toMatchObject({ status: "failed", endedAt: NOW + 1 });
    });

    it("goes on with the same code by the next channel, and tells it", async () => {
      const begun = await startBoth();
      await endAttempt(store(), { id: begun.messageId }, LANDLINE);
      const outcome = await continueWith(begun);
      expect(outcome).toMatchObject({ kind: "started", verification: { id: begun.verification.id } });
      const after = await read(begun.verification.id);
      expect(after).toMatchObject({ channel: "whatsapp", fallback: ["voice"], sends: 1, status: "pending" });
      expect([after?.salt, after?.kid]).toEqual([begun.verification.salt, begun.verification.kid]);
      expect(await due()).toEqual([]);
      const timeline = await store().verificationTimeline("default", begun.verification.id);
      expect(timeline.at(-1)).toMatchObject({
        type: "verification.fallback",
        data: { channel: "whatsapp", after: begun.messageId, reason: "phone_landline" },
      });
    });

    it("goes on once, however many processes try", async () => {
      const begun = await startBoth();
      await endAttempt(store(), { id: begun.messageId }, LANDLINE);
      const outcomes = await Promise.all(times(20, () => continueWith(begun)));
      const kinds = outcomes.map(({ kind }) => kind);
      expect(kinds.filter((kind) => kind === "started")).toHaveLength(1);
      expect(kinds.filter((kind) => kind === "unwanted")).toHaveLength(19);
    });

    it("does not go on when it was approved, sent again, or is about to end", async () => {
      const approved = await startBoth();
      await endAttempt(store(), { id: approved.messageId }, ACCEPTED);
      await store().checkCode(checkStep({ target: { tenant: "default", id: approved.verification.id } }));
      const resent = await startBoth();
      await start(store(), { address: resent.verification.address, fallback: ["voice"] });
      const ending = await startBoth();
      for (const begun of [approved, resent]) expect(await continueWith(begun)).toEqual({ kind: "unwanted" });
      expect(await continueWith(ending, { now: NOW + LIFE - MINUTE + 1 })).toEqual({ kind: "unwanted" });
      expect(await read(resent.verification.id)).toMatchObject({ channel: "sms", fallback: ["voice"] });
    });

    it("does not fall back from a send that another one has followed", async () => {
      const first = await startBoth();
      await start(store(), { address: first.verification.address, fallback: ["voice"], now: NOW + 1 });
      await endAttempt(store(), { id: first.messageId, now: NOW + 2 }, LANDLINE);
      expect(await due()).toEqual([]);
      expect(await read(first.verification.id)).toMatchObject({ status: "pending", sends: 1 });
    });

    it("is charged, and refused where a limit says so", async () => {
      const address = newPhone();
      const charges = [chargeTo(address, sendsPer(1, HOUR))];
      const begun = await startBoth({ address, charges });
      await endAttempt(store(), { id: begun.messageId }, ACCEPTED);
      await store().applyReceipt(begun.messageId, { state: "undelivered", code: "message_blocked" }, NOW + 1);
      expect(await continueWith(begun, { charges })).toMatchObject({ kind: "refused" });
      expect(await due()).toHaveLength(1);
    });

    it("ends, and says why", async () => {
      const { verification, messageId } = await startBoth();
      await endAttempt(store(), { id: messageId }, LANDLINE);
      const [first] = await due();
      if (first === undefined) throw new Error("nothing is due");
      await Promise.all(times(5, () => store().endFallback(first, "no_provider", NOW + 3)));
      expect(await due()).toEqual([]);
      expect(await read(verification.id)).toMatchObject({ fallback: [] });
      const timeline = await store().verificationTimeline("default", verification.id);
      expect(timeline.filter(({ type }) => type === "verification.fallback_ended")).toMatchObject([
        { data: { reason: "no_provider" } },
      ]);
    });
  });
}
