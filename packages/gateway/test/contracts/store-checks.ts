import { describe, expect, it } from "vitest";
import type { CheckOutcome } from "../../src/domain/check.ts";
import type { Address, Verification } from "../../src/domain/verification.ts";
import type { CheckStep } from "../../src/ports/verification-store.ts";
import {
  checkStep,
  DAY,
  HOUR,
  LIFE,
  MINUTE,
  NOW,
  newEmail,
  newPhone,
  type OpenStore,
  SCOPE,
  start,
  tally,
  times,
} from "./store-fixtures.ts";
import { useStore } from "./store-under-test.ts";

/** A comparison that counts how often it was asked. */
function countingMatch(answer: boolean | ((count: number) => boolean)) {
  const seen: Verification[] = [];
  return {
    seen,
    matches: (verification: Verification) => {
      seen.push(verification);
      return typeof answer === "boolean" ? answer : answer(seen.length);
    },
  };
}

const kindsOf = (outcomes: readonly CheckOutcome[]) => tally(outcomes.map(({ kind }) => kind));

/** Checks: one atomic step counts the attempt and consumes the verification. */
export function checkContract(open: OpenStore): void {
  describe("checking a code", () => {
    const store = useStore(open);

    const startOne = async (address: Address = newPhone()) => {
      const { verification } = await start(store(), { address });
      return { id: verification.id, byId: { tenant: "default", id: verification.id }, byScope: { ...SCOPE, address } };
    };
    const guessWrong = async (target: CheckStep["target"], count: number) => {
      for (const _ of times(count, () => 0)) await store().checkCode(checkStep({ target, matches: () => false }));
    };
    const typesOf = async (id: string) =>
      (await store().verificationTimeline("default", id)).map(({ type }) => type.replace("verification.", ""));

    it.each(["byId", "byScope"] as const)("approves once of two hundred right guesses at once (%s)", async (how) => {
      const one = await startOne();
      const match = countingMatch(true);
      const step = checkStep({ target: one[how], matches: match.matches });
      const outcomes = await Promise.all(times(200, () => store().checkCode(step)));
      expect(kindsOf(outcomes)).toEqual({ approved: 1, none: 199 });
      expect(match.seen).toHaveLength(1);
      expect(await typesOf(one.id)).toEqual(["started", "approved"]);
      expect(await store().readVerification("default", one.id)).toMatchObject({
        status: "approved",
        attempts: 1,
        endedAt: NOW,
      });
    });

    it.each(["byId", "byScope"] as const)("compares five of a thousand wrong guesses at once (%s)", async (how) => {
      const one = await startOne();
      const match = countingMatch(false);
      const step = checkStep({ target: one[how], matches: match.matches });
      const outcomes = await Promise.all(times(1_000, () => store().checkCode(step)));
      expect(kindsOf(outcomes)).toEqual({ incorrect: 4, exhausted: 1, waiting: 995 });
      expect(outcomes.flatMap((o) => (o.kind === "incorrect" ? [o.attemptsRemaining] : []))).toEqual([4, 3, 2, 1]);
      expect(match.seen.map(({ attempts }) => attempts)).toEqual([0, 1, 2, 3, 4]);
      const right = countingMatch(true);
      expect(await store().checkCode(checkStep({ target: one[how], matches: right.matches }))).toEqual({
        kind: "waiting",
        retryAfterMs: MINUTE,
      });
      const later = await store().checkCode(checkStep({ target: one[how], matches: right.matches, now: NOW + MINUTE }));
      expect(later.kind).toBe("none");
      expect(right.seen).toEqual([]);
      expect(await store().readVerification("default", one.id)).toMatchObject({
        status: "max_attempts_reached",
        attempts: 5,
        endedAt: NOW,
      });
    });

    it("never approves after the fifth comparison when right and wrong guesses arrive together", async () => {
      for (const rightAt of [1, 3, 5, 6, 150]) {
        const one = await startOne();
        const match = countingMatch((count) => count === rightAt);
        const step = checkStep({ target: one.byId, matches: match.matches });
        const outcomes = await Promise.all(times(200, () => store().checkCode(step)));
        const approvals = rightAt <= 5 ? 1 : 0;
        expect(kindsOf(outcomes)["approved"] ?? 0).toBe(approvals);
        expect(match.seen).toHaveLength(Math.min(rightAt, 5));
      }
    });

    it("approves the fifth guess when it is right", async () => {
      const one = await startOne();
      await guessWrong(one.byId, 4);
      const outcome = await store().checkCode(checkStep({ target: one.byId }));
      expect(outcome).toMatchObject({ kind: "approved", verification: { status: "approved", attempts: 5 } });
    });

    it("keeps the attempts of hundreds of verifications apart", async () => {
      const all = await Promise.all(times(100, () => startOne()));
      const outcomes = await Promise.all(
        all.flatMap(({ byId }) => times(3, () => store().checkCode(checkStep({ target: byId, matches: () => false })))),
      );
      expect(kindsOf(outcomes)).toEqual({ incorrect: 300 });
      const states = await Promise.all(all.map(({ id }) => store().readVerification("default", id)));
      expect(states.map((verification) => verification?.attempts)).toEqual(times(100, () => 3));
    });

    it("hands the row to the comparison as the start returned it", async () => {
      const address = newPhone();
      const { verification } = await start(store(), { address, subject: "user-1" });
      const match = countingMatch(false);
      const target = { tenant: "default", id: verification.id };
      await store().checkCode(checkStep({ target, matches: match.matches }));
      expect(match.seen).toEqual([verification]);
    });

    it("counts nothing when the comparison throws", async () => {
      const one = await startOne();
      const matches = () => {
        throw new Error("no secret");
      };
      await expect(store().checkCode(checkStep({ target: one.byId, matches }))).rejects.toThrow("no secret");
      expect(await store().readVerification("default", one.id)).toMatchObject({ status: "pending", attempts: 0 });
    });

    it("takes a code until its last millisecond", async () => {
      const [inTime, late] = [await startOne(), await startOne()];
      const last = await store().checkCode(checkStep({ target: inTime.byScope, now: NOW + LIFE - 1 }));
      expect(last.kind).toBe("approved");
      const match = countingMatch(true);
      const step = { matches: match.matches, now: NOW + LIFE };
      expect(await store().checkCode(checkStep({ target: late.byScope, ...step }))).toEqual({ kind: "expired" });
      expect(await store().checkCode(checkStep({ target: late.byId, ...step }))).toEqual({ kind: "expired" });
      expect(match.seen).toEqual([]);
      expect((await store().readFailures(late.byScope.address, NOW + LIFE)).failures).toEqual([]);
    });

    it("remembers for an hour that a code has expired", async () => {
      const one = await startOne();
      const ask = (now: number, target: CheckStep["target"] = one.byScope) =>
        store().checkCode(checkStep({ target, now }));
      expect(await ask(NOW + LIFE + HOUR - 1)).toEqual({ kind: "expired" });
      expect((await ask(NOW + LIFE + HOUR)).kind).toBe("none");
      expect(await ask(NOW + LIFE + HOUR, one.byId)).toEqual({ kind: "none", channel: "sms" });
    });

    it("finds nothing for another tenant, purpose, subject or address", async () => {
      const one = await startOne();
      const match = countingMatch(true);
      const { matches } = match;
      for (const other of [
        { tenant: "shop" },
        { purpose: "login" },
        { subject: "user-1" },
        { address: newPhone() },
        { address: newEmail() },
      ]) {
        const outcome = await store().checkCode(checkStep({ target: { ...one.byScope, ...other }, matches }));
        expect(outcome).toEqual({ kind: "none" });
      }
      for (const target of [
        { tenant: "shop", id: one.id },
        { tenant: "default", id: "ver_nobody" },
      ]) {
        expect(await store().checkCode(checkStep({ target, matches }))).toEqual({ kind: "not_found" });
      }
      expect(match.seen).toEqual([]);
      expect(await store().readVerification("default", one.id)).toMatchObject({ attempts: 0, status: "pending" });
    });

    it("makes all of an address wait, whoever made the wrong guesses", async () => {
      const address = newPhone();
      const open = await startOne(address);
      const { verification } = await start(store(), { address, subject: "user-1" });
      await guessWrong(open.byScope, 5);
      const target = { tenant: "default", id: verification.id };
      expect(await store().checkCode(checkStep({ target }))).toEqual({ kind: "waiting", retryAfterMs: MINUTE });
      const step = { target, now: NOW + MINUTE - 1 };
      expect(await store().checkCode(checkStep(step))).toEqual({ kind: "waiting", retryAfterMs: 1 });
      expect((await store().checkCode(checkStep({ target, now: NOW + MINUTE }))).kind).toBe("approved");
    });

    it("counts on across resends and new verifications: five, ten and fifteen minutes' worth of waits", async () => {
      const address = newPhone();
      let now = NOW;
      const waits: number[] = [];
      for (const _ of times(4, () => 0)) {
        const { verification } = await start(store(), { address, now });
        await start(store(), { address, now });
        const target = { tenant: "default", id: verification.id };
        for (const __ of times(5, () => 0)) await store().checkCode(checkStep({ target, matches: () => false, now }));
        const outcome = await store().checkCode(checkStep({ target, now }));
        if (outcome.kind !== "waiting") throw new Error(outcome.kind);
        waits.push(outcome.retryAfterMs);
        now += outcome.retryAfterMs;
      }
      expect(waits.slice(0, 3)).toEqual([MINUTE, 5 * MINUTE, 15 * MINUTE]);
      expect(waits[3]).toBe(DAY - 21 * MINUTE);
    });

    it("ends the wait with an approval, but not the count", async () => {
      const address = newPhone();
      const first = await startOne(address);
      await guessWrong(first.byScope, 4);
      expect((await store().checkCode(checkStep({ target: first.byScope }))).kind).toBe("approved");
      const budget = await store().readFailures(address, NOW);
      expect(budget).toEqual({ failures: [NOW, NOW, NOW, NOW], approvedAt: NOW });
      const second = await startOne(address);
      await guessWrong(second.byScope, 1);
      expect((await store().readFailures(address, NOW)).failures).toHaveLength(5);
    });

    it("tells by id which channel has no code", async () => {
      const { verification } = await start(store(), { address: newEmail(), channel: "email" });
      const target = { tenant: "default", id: verification.id };
      await store().checkCode(checkStep({ target }));
      expect(await store().checkCode(checkStep({ target }))).toEqual({ kind: "none", channel: "email" });
    });
  });

  describe("marking the contact", () => {
    const store = useStore(open);
    const owner = { tenant: "default", sub: "user-1" };
    const fields = { phone: null, email: null, name: null };

    const approve = async (address: Address, scope: { tenant?: string; subject: string }) => {
      const { verification } = await start(store(), { address, ...scope });
      const target = { tenant: verification.tenant, id: verification.id };
      const outcome = await store().checkCode(checkStep({ target, now: NOW + 1 }));
      expect(outcome.kind).toBe("approved");
    };

    it("verifies the phone of its subject, and only the phone", async () => {
      const address = newPhone();
      await store().putContact(owner, { ...fields, phone: address.value, email: "a@shop.example" }, NOW);
      await approve(address, { subject: "user-1" });
      expect(await store().readContact(owner)).toMatchObject({
        phoneVerifiedAt: NOW + 1,
        emailVerifiedAt: null,
        updatedAt: NOW + 1,
      });
    });

    it("verifies the e-mail of its subject, and only the e-mail", async () => {
      const address = newEmail();
      await store().putContact(owner, { ...fields, phone: "+573001234567", email: address.value }, NOW);
      const { verification } = await start(store(), { address, channel: "email", subject: "user-1" });
      await store().checkCode(checkStep({ target: { tenant: "default", id: verification.id }, now: NOW + 2 }));
      expect(await store().readContact(owner)).toMatchObject({ phoneVerifiedAt: null, emailVerifiedAt: NOW + 2 });
    });

    it.each([
      { whom: "another subject with the same number", scope: { subject: "user-2" } },
      { whom: "the open flow", scope: { subject: "" } },
      { whom: "the same subject of another tenant", scope: { subject: "user-1", tenant: "shop" } },
    ])("does not verify for $whom", async ({ scope }) => {
      const address = newPhone();
      await store().putContact(owner, { ...fields, phone: address.value }, NOW);
      await approve(address, scope);
      expect(await store().readContact(owner)).toMatchObject({ phoneVerifiedAt: null, updatedAt: NOW });
    });

    it("does not verify a number that changed while the code was on its way", async () => {
      const address = newPhone();
      await store().putContact(owner, { ...fields, phone: address.value }, NOW);
      const { verification } = await start(store(), { address, subject: "user-1" });
      await store().putContact(owner, { ...fields, phone: newPhone().value }, NOW);
      await store().checkCode(checkStep({ target: { tenant: "default", id: verification.id } }));
      expect(await store().readContact(owner)).toMatchObject({ phoneVerifiedAt: null });
    });

    it("does not verify with a wrong guess", async () => {
      const address = newPhone();
      await store().putContact(owner, { ...fields, phone: address.value }, NOW);
      const { verification } = await start(store(), { address, subject: "user-1" });
      const target = { tenant: "default", id: verification.id };
      await store().checkCode(checkStep({ target, matches: () => false }));
      expect(await store().readContact(owner)).toMatchObject({ phoneVerifiedAt: null });
    });
  });
}
