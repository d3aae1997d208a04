import { afterEach, describe, expect, it } from "vitest";
import type { Charge, LimitWindow } from "../../src/domain/limits.ts";
import type { Limiter, Reservation } from "../../src/ports/limiter.ts";
import { agreesWithTheDomain } from "./limiter-model.ts";
import {
  chargeTo,
  cooldown,
  DAY,
  HOUR,
  MINUTE,
  NOW,
  newPhone,
  nextId,
  sendsPer,
  tally,
  times,
  triesPer,
} from "./store-fixtures.ts";

/** Opens a limiter on the counters of that name; the same name leads to the same counters. */
export type OpenLimiter = (name: string) => Promise<Limiter>;

let serial = 0;

/** The cases that every limiter passes: the decisions of `domain/limits.ts`, however many ask at once. */
export function limiterContract(name: string, openLimiter: OpenLimiter): void {
  describe(`limiter contract: ${name}`, () => {
    const opened: Limiter[] = [];
    const open = async (counters = `counters-${++serial}:`): Promise<Limiter> => {
      const limiter = await openLimiter(counters);
      opened.push(limiter);
      return limiter;
    };
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((limiter) => limiter.close()));
    });

    const send = (charges: readonly Charge[], over: Partial<Reservation> = {}): Reservation => ({
      id: nextId("msg"),
      charges,
      channel: "sms",
      now: NOW,
      ...over,
    });
    const numberCharge = (...windows: readonly LimitWindow[]): Charge => chargeTo(newPhone(), ...windows);
    const globalCharge = (limit: number): Charge => ({
      dimension: "otp.global",
      key: "all",
      windows: [sendsPer(limit, HOUR)],
      bucketMs: MINUTE,
    });

    it("accepts five of five hundred at once and charges every dimension five times", async () => {
      const limiter = await open();
      const number = numberCharge(sendsPer(5, HOUR));
      const client: Charge = { dimension: "otp.client.open", key: "192.0.2.1", windows: [sendsPer(6, HOUR)] };
      const outcomes = await Promise.all(times(500, () => limiter.reserve(send([client, number, globalCharge(7)]))));
      expect(tally(outcomes.map((refusal) => refusal?.code ?? "accepted"))).toEqual({ accepted: 5, rate_limited: 495 });
      expect(outcomes[499]).toEqual({ code: "rate_limited", dimension: "otp.phone", retryAfterMs: HOUR });
      expect(await limiter.reserve(send([client]))).toBeNull();
      expect(await limiter.reserve(send([client]))).toMatchObject({ dimension: "otp.client.open" });
      for (const _ of times(2, () => 0)) expect(await limiter.reserve(send([globalCharge(7)]))).toBeNull();
      expect(await limiter.reserve(send([globalCharge(7)]))).toMatchObject({ dimension: "otp.global" });
    });

    it("accepts exactly the limit when two gateways race", async () => {
      const counters = `race-${++serial}:`;
      const limiters = [await open(counters), await open(counters)] as const;
      const charges = [numberCharge(sendsPer(25, HOUR)), globalCharge(25)];
      const both = times(250, () => limiters.map((limiter) => limiter.reserve(send(charges)))).flat();
      const accepted = (await Promise.all(both)).filter((refusal) => refusal === null);
      expect(accepted).toHaveLength(25);
    });

    it("keeps counters of different names apart", async () => {
      const [one, other] = [await open(), await open()];
      const charges = [numberCharge(sendsPer(1, HOUR))];
      expect(await one.reserve(send(charges))).toBeNull();
      expect(await other.reserve(send(charges))).toBeNull();
      expect(await one.reserve(send(charges))).not.toBeNull();
    });

    it("slides, to the millisecond", async () => {
      const limiter = await open();
      const charges = [numberCharge(sendsPer(5, HOUR))];
      const at = (now: number) => limiter.reserve(send(charges, { now }));
      for (const index of times(5, (i) => i)) expect(await at(NOW + index * MINUTE)).toBeNull();
      expect(await at(NOW + 5 * MINUTE)).toMatchObject({ retryAfterMs: 55 * MINUTE });
      expect(await at(NOW + HOUR - 1)).toMatchObject({ retryAfterMs: 1 });
      expect(await at(NOW + HOUR)).toBeNull();
      expect(await at(NOW + HOUR)).toMatchObject({ retryAfterMs: MINUTE });
    });

    it("counts sends that come out of order by their instants", async () => {
      const limiter = await open();
      const charges = [numberCharge(sendsPer(2, HOUR))];
      expect(await limiter.reserve(send(charges, { now: NOW + MINUTE }))).toBeNull();
      expect(await limiter.reserve(send(charges, { now: NOW }))).toBeNull();
      expect(await limiter.reserve(send(charges, { now: NOW + MINUTE }))).toMatchObject({ retryAfterMs: 59 * MINUTE });
    });

    it("cools down per channel", async () => {
      const limiter = await open();
      const address = newPhone();
      const bySms = [chargeTo(address, cooldown(MINUTE), sendsPer(9, HOUR))];
      const byMail = [chargeTo(address, cooldown(MINUTE, "email"), sendsPer(9, HOUR))];
      expect(await limiter.reserve(send(bySms))).toBeNull();
      expect(await limiter.reserve(send(bySms, { now: NOW + 1 }))).toEqual({
        code: "cooldown",
        dimension: "otp.phone",
        retryAfterMs: MINUTE - 1,
      });
      expect(await limiter.reserve(send(byMail, { channel: "email", now: NOW + 1 }))).toBeNull();
      expect(await limiter.reserve(send(bySms, { now: NOW + MINUTE - 1 }))).toMatchObject({ retryAfterMs: 1 });
      expect(await limiter.reserve(send(bySms, { now: NOW + MINUTE }))).toBeNull();
    });

    it("answers the longest of several refusals, the first of equal ones", async () => {
      const limiter = await open();
      const number = numberCharge(cooldown(MINUTE), sendsPer(1, HOUR));
      const block: Charge = { dimension: "otp.block", key: "+57310", windows: [sendsPer(1, DAY)] };
      const subject: Charge = { dimension: "otp.subject", key: '["a","b:s"]', windows: [sendsPer(1, DAY)] };
      expect(await limiter.reserve(send([number, block, subject]))).toBeNull();
      const longest = { code: "rate_limited", retryAfterMs: DAY };
      expect(await limiter.reserve(send([number, block, subject]))).toEqual({ ...longest, dimension: "otp.block" });
      expect(await limiter.reserve(send([subject, number, block]))).toEqual({ ...longest, dimension: "otp.subject" });
      expect(await limiter.reserve(send([number]))).toMatchObject({ code: "rate_limited", retryAfterMs: HOUR });
    });

    it("charges nothing when one dimension refuses", async () => {
      const limiter = await open();
      const full: Charge = { dimension: "otp.subject", key: "u", windows: [sendsPer(1, HOUR)] };
      expect(await limiter.reserve(send([full]))).toBeNull();
      const others = [numberCharge(sendsPer(1, HOUR), triesPer(1, HOUR)), globalCharge(1)];
      expect(await limiter.reserve(send([...others, full]))).toMatchObject({ dimension: "otp.subject" });
      expect(await limiter.reserve(send([full, ...others]))).toMatchObject({ dimension: "otp.subject" });
      expect(await limiter.reserve(send(others))).toBeNull();
      expect(await limiter.reserve(send(others))).not.toBeNull();
    });

    it("gives sends and the cool-down back, and never the tries", async () => {
      const limiter = await open();
      const charges = [numberCharge(cooldown(MINUTE), sendsPer(1, HOUR), triesPer(3, HOUR)), globalCharge(1)];
      for (const index of times(3, (i) => i)) {
        const reservation = send(charges, { now: NOW + index });
        expect(await limiter.reserve(reservation)).toBeNull();
        await limiter.release(reservation.id, "sends");
      }
      expect(await limiter.reserve(send(charges, { now: NOW + 3 }))).toEqual({
        code: "rate_limited",
        dimension: "otp.phone",
        retryAfterMs: HOUR - 3,
      });
      expect(await limiter.reserve(send(charges, { now: NOW + HOUR }))).toBeNull();
    });

    it("gives everything back when nothing was tried", async () => {
      const limiter = await open();
      const charges = [numberCharge(cooldown(MINUTE), triesPer(1, HOUR)), globalCharge(1)];
      const reservation = send(charges);
      expect(await limiter.reserve(reservation)).toBeNull();
      await limiter.release(reservation.id, "everything");
      expect(await limiter.reserve(send(charges))).toBeNull();
      expect(await limiter.reserve(send(charges))).not.toBeNull();
    });

    it("gives one send back once, whatever is released again or was never reserved", async () => {
      const limiter = await open();
      const charges = [numberCharge(sendsPer(2, HOUR)), globalCharge(2)];
      const reservation = send(charges);
      expect(await limiter.reserve(reservation)).toBeNull();
      expect(await limiter.reserve(send(charges))).toBeNull();
      await limiter.release(reservation.id, "sends");
      await limiter.release(reservation.id, "sends");
      await limiter.release(reservation.id, "everything");
      await limiter.release(nextId("msg"), "everything");
      expect(await limiter.reserve(send(charges))).toBeNull();
      expect(await limiter.reserve(send(charges))).not.toBeNull();
    });

    it("counts the same reservation once and answers it the same", async () => {
      const limiter = await open();
      const charges = [numberCharge(sendsPer(2, HOUR)), globalCharge(2)];
      const reservation = send(charges);
      const answers = await Promise.all(times(20, () => limiter.reserve(reservation)));
      expect(answers.every((answer) => answer === null)).toBe(true);
      expect(await limiter.reserve(send(charges))).toBeNull();
      expect(await limiter.reserve(reservation)).toBeNull();
      const late = send(charges);
      expect(await limiter.reserve(late)).toMatchObject({ code: "rate_limited" });
      expect(await limiter.reserve(late)).toMatchObject({ code: "rate_limited" });
    });

    it("counts a reservation anew after it was given back, its tries as well", async () => {
      const limiter = await open();
      const charges = [numberCharge(sendsPer(1, HOUR), triesPer(3, HOUR))];
      const reservation = send(charges);
      for (const _ of times(3, () => 0)) {
        expect(await limiter.reserve(reservation)).toBeNull();
        expect(await limiter.reserve(send(charges))).not.toBeNull();
        await limiter.release(reservation.id, "sends");
      }
      expect(await limiter.reserve(reservation)).toMatchObject({ retryAfterMs: HOUR });
    });

    it("counts in buckets until their last instant has left, and gives back", async () => {
      const limiter = await open();
      const charges = [globalCharge(3)];
      const reservations = times(100, () => send(charges, { now: NOW + 10_000 }));
      const outcomes = await Promise.all(reservations.map((reservation) => limiter.reserve(reservation)));
      expect(outcomes.filter((refusal) => refusal === null)).toHaveLength(3);
      expect(outcomes[99]).toEqual({
        code: "rate_limited",
        dimension: "otp.global",
        retryAfterMs: HOUR + MINUTE - 10_000,
      });
      await limiter.release(reservations[0]?.id ?? "", "sends");
      const at = (now: number) => limiter.reserve(send(charges, { now }));
      expect(await at(NOW + MINUTE)).toBeNull();
      expect(await at(NOW + MINUTE)).toMatchObject({ retryAfterMs: HOUR });
      expect(await at(NOW + HOUR + MINUTE - 1)).toMatchObject({ retryAfterMs: 1 });
      expect(await at(NOW + HOUR + MINUTE)).toBeNull();
      expect(await at(NOW + HOUR + MINUTE)).toBeNull();
      expect(await at(NOW + HOUR + MINUTE)).toMatchObject({ retryAfterMs: MINUTE });
    });

    it("forgets what was charged to a counter, and nothing else", async () => {
      const limiter = await open();
      const [number, other] = [numberCharge(sendsPer(1, HOUR), triesPer(2, HOUR)), numberCharge(sendsPer(1, HOUR))];
      const tried = send([number]);
      expect(await limiter.reserve(tried)).toBeNull();
      await limiter.release(tried.id, "sends");
      for (const charges of [[number, globalCharge(2)], [other]]) {
        expect(await limiter.reserve(send(charges))).toBeNull();
        expect(await limiter.reserve(send(charges))).not.toBeNull();
      }
      await limiter.reset([]);
      await limiter.reset([number, globalCharge(2)]);
      for (const _ of times(2, () => 0)) expect(await limiter.reserve(send([globalCharge(2)]))).toBeNull();
      expect(await limiter.reserve(send([globalCharge(2)]))).not.toBeNull();
      const again = send([number]);
      expect(await limiter.reserve(again)).toBeNull();
      await limiter.release(again.id, "sends");
      expect(await limiter.reserve(send([number]))).toBeNull();
      expect(await limiter.reserve(send([other]))).not.toBeNull();
    });

    it("takes back a send that was reset in between without going below zero", async () => {
      const limiter = await open();
      for (const charge of [numberCharge(sendsPer(1, HOUR), triesPer(1, HOUR)), globalCharge(1)]) {
        const reservation = send([charge]);
        expect(await limiter.reserve(reservation)).toBeNull();
        await limiter.reset([charge]);
        await limiter.release(reservation.id, "sends");
        expect(await limiter.reserve(send([charge]))).toBeNull();
        expect(await limiter.reserve(send([charge]))).not.toBeNull();
      }
    });

    it("accepts a send that is charged to nothing", async () => {
      const limiter = await open();
      expect(await limiter.reserve(send([]))).toBeNull();
    });

    it("decides as the domain does, over any history", async () => {
      await agreesWithTheDomain(() => open());
    });

    it("finishes what was asked before it closes, and refuses what comes after", async () => {
      const limiter = await open();
      const charges = [numberCharge(sendsPer(5, HOUR))];
      const running = times(50, () => limiter.reserve(send(charges)));
      await limiter.close();
      expect((await Promise.all(running)).filter((refusal) => refusal === null)).toHaveLength(5);
      const unavailable = { code: "service_unavailable" };
      await expect(limiter.reserve(send(charges))).rejects.toMatchObject(unavailable);
      await expect(limiter.ping()).rejects.toMatchObject(unavailable);
    });
  });
}
