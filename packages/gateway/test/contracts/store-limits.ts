import { describe, expect, it } from "vitest";
import type { Charge } from "../../src/domain/limits.ts";
import type { Address } from "../../src/domain/verification.ts";
import {
  chargeTo,
  checkStep,
  cooldown,
  DAY,
  endAttempt,
  HOUR,
  LIFE,
  MINUTE,
  NOW,
  newMessage,
  newPhone,
  type OpenStore,
  sendsPer,
  start,
  startStep,
  tally,
  times,
  triesPer,
} from "./store-fixtures.ts";
import { useStore } from "./store-under-test.ts";

/** Limits: one decision over all dimensions in the commit of the send, exact waits, what is given back. */
export function limitContract(open: OpenStore): void {
  describe("limits", () => {
    const store = useStore(open);

    const tryStart = (address: Address, charges: readonly Charge[], now = NOW) =>
      store().startVerification(startStep({ address, charges, now }));
    const refuse = (messageId: string, now = NOW) =>
      endAttempt(store(), { id: messageId, now }, { outcome: "rejected", code: "phone_landline" });
    const startRefused = async (address: Address, charges: readonly Charge[]) => {
      const { messageId } = await start(store(), { address, charges });
      await refuse(messageId);
    };

    it("accepts five of five hundred starts at once and charges every dimension five times", async () => {
      const address = newPhone();
      const number = chargeTo(address, sendsPer(5, HOUR));
      const client: Charge = { dimension: "otp.client.open", key: "192.0.2.1", windows: [sendsPer(1_000, HOUR)] };
      const outcomes = await Promise.all(times(500, () => tryStart(address, [client, number])));
      expect(tally(outcomes.map(({ kind }) => kind))).toEqual({ started: 5, refused: 495 });
      const refusal = { code: "rate_limited", dimension: "otp.phone", retryAfterMs: HOUR };
      for (const outcome of outcomes) {
        if (outcome.kind !== "started") expect(outcome).toEqual({ kind: "refused", refusal });
      }
      expect(await store().readSends(number, NOW)).toHaveLength(5);
      expect(await store().readSends(client, NOW)).toHaveLength(5);
      expect(await store().listMessages("default", { limit: 600 })).toHaveLength(5);
      expect(await store().lastSeq()).toBe(5);
    });

    it("slides: the sixth send fits when the first is an hour old, to the millisecond", async () => {
      const address = newPhone();
      const charges = [chargeTo(address, sendsPer(5, HOUR))];
      for (const index of times(5, (i) => i)) {
        expect((await tryStart(address, charges, NOW + index * MINUTE)).kind).toBe("started");
      }
      expect(await tryStart(address, charges, NOW + 5 * MINUTE)).toMatchObject({
        refusal: { code: "rate_limited", retryAfterMs: 55 * MINUTE },
      });
      expect(await tryStart(address, charges, NOW + HOUR - 1)).toMatchObject({ refusal: { retryAfterMs: 1 } });
      expect((await tryStart(address, charges, NOW + HOUR)).kind).toBe("started");
      expect(await tryStart(address, charges, NOW + HOUR)).toMatchObject({ refusal: { retryAfterMs: MINUTE } });
    });

    it("cools down per channel", async () => {
      const address = newPhone();
      const charges = [chargeTo(address, cooldown(MINUTE))];
      await start(store(), { address, charges });
      expect(await tryStart(address, charges, NOW + 1)).toMatchObject({
        refusal: { code: "cooldown", dimension: "otp.phone", retryAfterMs: MINUTE - 1 },
      });
      expect(await tryStart(address, charges, NOW + MINUTE - 1)).toMatchObject({ refusal: { retryAfterMs: 1 } });
      const byMail = startStep({ address, channel: "email", charges: [chargeTo(address, cooldown(MINUTE, "email"))] });
      expect((await store().startVerification(byMail)).kind).toBe("started");
      expect((await tryStart(address, charges, NOW + MINUTE)).kind).toBe("started");
    });

    it("accepts one of hundreds at once during a cool-down", async () => {
      const address = newPhone();
      const charges = [chargeTo(address, cooldown(MINUTE), sendsPer(5, HOUR))];
      const outcomes = await Promise.all(times(300, () => tryStart(address, charges)));
      expect(tally(outcomes.map(({ kind }) => kind))).toEqual({ started: 1, refused: 299 });
      expect(outcomes[299]).toMatchObject({ refusal: { code: "cooldown", retryAfterMs: MINUTE } });
    });

    it("answers the longest of several refusals", async () => {
      const address = newPhone();
      const charges = [
        chargeTo(address, cooldown(MINUTE), sendsPer(1, HOUR)),
        { dimension: "otp.block", key: address.value.slice(0, -4), windows: [sendsPer(1, DAY)] },
      ];
      await start(store(), { address, charges });
      expect(await tryStart(address, charges)).toEqual({
        kind: "refused",
        refusal: { code: "rate_limited", dimension: "otp.block", retryAfterMs: DAY },
      });
      expect(await tryStart(address, charges.slice(0, 1))).toMatchObject({
        refusal: { code: "rate_limited", retryAfterMs: HOUR },
      });
    });

    it("charges nothing when one dimension refuses", async () => {
      const address = newPhone();
      const full: Charge = { dimension: "otp.subject", key: "u", windows: [sendsPer(1, HOUR)] };
      await start(store(), { charges: [full] });
      const number = chargeTo(address, sendsPer(5, HOUR));
      const global: Charge = { dimension: "otp.global", key: "all", windows: [sendsPer(1, HOUR)], bucketMs: MINUTE };
      for (const charges of [
        [number, global, full],
        [full, number, global],
      ]) {
        expect((await tryStart(address, charges)).kind).toBe("refused");
      }
      expect(await store().readSends(number, NOW)).toEqual([]);
      expect((await tryStart(address, [global])).kind).toBe("started");
    });

    it("gives sends and the cool-down back when the provider refuses, and never the tries", async () => {
      const address = newPhone();
      const charges = [chargeTo(address, cooldown(MINUTE), sendsPer(1, HOUR), triesPer(3, HOUR))];
      for (const _ of times(3, () => 0)) await startRefused(address, charges);
      const [charge] = charges;
      if (charge === undefined) throw new Error("one charge");
      const records = await store().readSends(charge, NOW);
      expect(records).toEqual(times(3, () => ({ at: NOW, channel: "sms", released: true })));
      expect(await tryStart(address, charges)).toEqual({
        kind: "refused",
        refusal: { code: "rate_limited", dimension: "otp.phone", retryAfterMs: HOUR },
      });
    });

    it("gives back only the send that was refused", async () => {
      const address = newPhone();
      const charges = [chargeTo(address, sendsPer(2, HOUR))];
      await start(store(), { address, charges });
      const { messageId } = await start(store(), { address, charges });
      expect((await tryStart(address, charges)).kind).toBe("refused");
      await refuse(messageId);
      expect((await tryStart(address, charges)).kind).toBe("started");
      expect((await tryStart(address, charges)).kind).toBe("refused");
    });

    it("counts the global cap in buckets, and gives it back", async () => {
      const bucketMs = MINUTE;
      const charges: readonly Charge[] = [
        { dimension: "otp.global", key: "all", windows: [sendsPer(3, HOUR)], bucketMs },
      ];
      const outcomes = await Promise.all(times(100, () => tryStart(newPhone(), charges, NOW + 10_000)));
      expect(tally(outcomes.map(({ kind }) => kind))).toEqual({ started: 3, refused: 97 });
      expect(await tryStart(newPhone(), charges, NOW + 10_000)).toMatchObject({
        refusal: { dimension: "otp.global", code: "rate_limited", retryAfterMs: HOUR + MINUTE - 10_000 },
      });
      const accepted = outcomes.find((outcome) => outcome.kind === "started");
      if (accepted === undefined) throw new Error("three were accepted");
      await refuse(accepted.messageId, NOW + 20_000);
      expect((await tryStart(newPhone(), charges, NOW + 30_000)).kind).toBe("started");
      expect((await tryStart(newPhone(), charges, NOW + 30_000)).kind).toBe("refused");
      expect((await tryStart(newPhone(), charges, NOW + HOUR + MINUTE - 1)).kind).toBe("refused");
      expect((await tryStart(newPhone(), charges, NOW + HOUR + MINUTE)).kind).toBe("started");
    });

    it("does not count what left the longest window", async () => {
      const address = newPhone();
      const charge = chargeTo(address, sendsPer(5, HOUR), cooldown(MINUTE));
      await start(store(), { address, charges: [charge] });
      await start(store(), { address, charges: [charge], now: NOW + MINUTE });
      expect((await store().readSends(charge, NOW + MINUTE)).map(({ at }) => at)).toEqual([NOW + MINUTE, NOW]);
      expect((await store().readSends(charge, NOW + HOUR)).map(({ at }) => at)).toEqual([NOW + MINUTE]);
      expect(await store().readSends(charge, NOW + HOUR + MINUTE)).toEqual([]);
    });

    it("keeps the counters of two numbers apart", async () => {
      const [one, other] = [newPhone(), newPhone()];
      await start(store(), { address: one, charges: [chargeTo(one, sendsPer(1, HOUR))] });
      expect((await tryStart(other, [chargeTo(other, sendsPer(1, HOUR))])).kind).toBe("started");
      expect((await tryStart(one, [chargeTo(one, sendsPer(1, HOUR))])).kind).toBe("refused");
    });

    it("limits notifications in the commit that enqueues them", async () => {
      const charge: Charge = { dimension: "notification.number", key: "+573001", windows: [sendsPer(5, HOUR)] };
      const outcomes = await Promise.all(
        times(200, () => store().enqueueMessage({ message: newMessage(), charges: [charge], now: NOW })),
      );
      expect(tally(outcomes.map(({ kind }) => kind))).toEqual({ enqueued: 5, refused: 195 });
      expect(outcomes[199]).toEqual({
        kind: "refused",
        refusal: { code: "rate_limited", dimension: "notification.number", retryAfterMs: HOUR },
      });
      expect((await store().readQueue()).depth).toBe(5);
    });

    it("forgets the sends and the wrong guesses of a number, and nobody else's", async () => {
      const [address, other] = [newPhone(), newPhone()];
      const charge = chargeTo(address, sendsPer(1, HOUR));
      const otherCharge = chargeTo(other, sendsPer(1, HOUR));
      const global: Charge = { dimension: "otp.global", key: "all", windows: [sendsPer(2, HOUR)], bucketMs: MINUTE };
      for (const [to, charges] of [
        [address, [charge, global]],
        [other, [otherCharge, global]],
      ] as const) {
        const { verification } = await start(store(), { address: to, charges });
        const target = { tenant: "default", id: verification.id };
        for (const _ of times(5, () => 0)) await store().checkCode(checkStep({ target, matches: () => false }));
      }
      expect((await store().readFailures(address, NOW)).failures).toHaveLength(5);
      await store().resetNumber(address.value, [charge, global]);
      expect(await store().readFailures(address, NOW)).toEqual({ failures: [], approvedAt: null });
      expect(await store().readSends(charge, NOW)).toEqual([]);
      expect((await tryStart(address, [charge, global])).kind).toBe("started");
      expect((await tryStart(other, [])).kind).toBe("waiting");
      expect(await store().readSends(otherCharge, NOW)).toHaveLength(1);
    });

    it("takes back a send that was reset in between without going below zero", async () => {
      const address = newPhone();
      const global: Charge = { dimension: "otp.global", key: "all", windows: [sendsPer(1, HOUR)], bucketMs: MINUTE };
      const charges = [chargeTo(address, sendsPer(1, HOUR)), global];
      const { messageId } = await start(store(), { address, charges });
      await store().resetNumber(address.value, charges);
      await refuse(messageId, NOW + LIFE / 2);
      expect((await tryStart(address, charges)).kind).toBe("started");
      expect((await tryStart(address, charges)).kind).toBe("refused");
    });
  });
}
