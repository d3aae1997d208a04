import { describe, expect, it } from "vitest";
import {
  checkStep,
  endAttempt,
  HOUR,
  LIFE,
  MINUTE,
  NOW,
  newEmail,
  newPhone,
  type OpenStore,
  SCOPE,
  start,
  started,
  startStep,
  tally,
  times,
} from "./store-fixtures.ts";
import { useStore } from "./store-under-test.ts";

/** Starts: one live verification per scope and address, waits, idempotent answers. */
export function startContract(open: OpenStore): void {
  describe("starting a verification", () => {
    const store = useStore(open);

    it("makes a pending verification with its message and events", async () => {
      const step = startStep({ subject: "user-1", purpose: "login" });
      const { verification, messageId } = started(await store().startVerification(step));
      const { id, salt, kid, expiresAt } = step.fresh;
      expect(verification).toEqual({
        ...{ id, salt, kid, expiresAt, codeLength: 6, maxAttempts: 5, locale: "es" },
        ...{ tenant: "default", purpose: "login", subject: "user-1", address: step.address, channel: "sms" },
        ...{ status: "pending", attempts: 0, sends: 1, createdAt: NOW, endedAt: null, fallback: [] },
        lastMessageId: messageId,
      });
      expect(messageId).toBe(step.message.id);
      expect(await store().readVerification("default", id)).toEqual(verification);
      expect(await store().readMessage("default", messageId)).toMatchObject({
        ...{ verificationId: id, state: "sending", attempts: 1, unknownAttempts: 0, lane: "otp", text: null },
        ...{ to: step.address.value, deliverBefore: expiresAt, createdAt: NOW, errorCode: null },
      });
      expect((await store().verificationTimeline("default", id)).map(({ type }) => type)).toEqual([
        "verification.started",
      ]);
    });

    it("reuses the live one: same id, same salt, same end, attempts go on, one more send", async () => {
      const address = newPhone();
      const first = await start(store(), { address });
      const target = { tenant: "default", id: first.verification.id };
      await store().checkCode(checkStep({ target, matches: () => false }));
      const fresh = { ...startStep().fresh, salt: new Uint8Array(16), kid: "kid2", locale: "en" as const };
      const again = await start(store(), { address, now: NOW + MINUTE, fresh });
      expect(again.verification).toMatchObject({
        ...{ id: first.verification.id, salt: first.verification.salt, kid: "kid1", locale: "en" },
        ...{ expiresAt: NOW + LIFE, attempts: 1, sends: 2 },
      });
      expect(again.messageId).not.toBe(first.messageId);
      expect(await store().readMessage("default", again.messageId)).toMatchObject({ deliverBefore: NOW + LIFE });
    });

    it("keeps one live verification when hundreds start at once", async () => {
      const address = newPhone();
      const outcomes = await Promise.all(times(200, () => start(store(), { address })));
      expect(new Set(outcomes.map(({ verification }) => verification.id)).size).toBe(1);
      expect(new Set(outcomes.map(({ messageId }) => messageId)).size).toBe(200);
      expect(outcomes.map(({ verification }) => verification.sends).sort((a, b) => a - b)).toEqual(
        times(200, (index) => index + 1),
      );
    });

    it("makes hundreds for hundreds of numbers at once", async () => {
      const outcomes = await Promise.all(times(300, () => start(store())));
      expect(new Set(outcomes.map(({ verification }) => verification.id)).size).toBe(300);
    });

    it("reuses one with 60 seconds of life, and replaces one with a millisecond less", async () => {
      const address = newPhone();
      const first = await start(store(), { address });
      const at60 = await start(store(), { address, now: NOW + LIFE - MINUTE });
      expect(at60.verification.id).toBe(first.verification.id);
      const after = await start(store(), { address, now: NOW + LIFE - MINUTE + 1 });
      expect(after.verification.id).not.toBe(first.verification.id);
      expect(after.verification).toMatchObject({ attempts: 0, sends: 1 });
      expect(await store().readVerification("default", first.verification.id)).toMatchObject({
        status: "canceled",
        endedAt: NOW + LIFE - MINUTE + 1,
      });
    });

    it("ends an expired one at its own end and makes another", async () => {
      const address = newPhone();
      const first = await start(store(), { address });
      const second = await start(store(), { address, now: NOW + HOUR });
      expect(second.verification.id).not.toBe(first.verification.id);
      expect(await store().readVerification("default", first.verification.id)).toMatchObject({
        status: "expired",
        endedAt: NOW + LIFE,
      });
    });

    it.each([
      { what: "tenant", other: { tenant: "shop" } },
      { what: "purpose", other: { purpose: "login" } },
      { what: "subject", other: { subject: "user-1" } },
      { what: "address", other: { address: newPhone() } },
      { what: "kind of address", other: { address: newEmail(), channel: "email" as const } },
    ])("keeps another $what apart", async ({ other }) => {
      const address = newPhone();
      const first = await start(store(), { address });
      const second = await start(store(), { address, ...other });
      expect(second.verification.id).not.toBe(first.verification.id);
      expect(await store().readVerification("default", first.verification.id)).toMatchObject({
        status: "pending",
        sends: 1,
      });
    });

    it("makes the address wait a minute after the fifth wrong guess, to the millisecond", async () => {
      const address = newPhone();
      const { verification } = await start(store(), { address });
      const target = { tenant: "default", id: verification.id };
      for (const at of times(5, (index) => NOW + index)) {
        await store().checkCode(checkStep({ target, matches: () => false, now: at }));
      }
      const last = NOW + 4;
      const restart = (now: number) => store().startVerification(startStep({ address, now }));
      expect(await restart(last)).toEqual({ kind: "waiting", retryAfterMs: MINUTE });
      expect(await restart(last + MINUTE - 1)).toEqual({ kind: "waiting", retryAfterMs: 1 });
      const other = await store().startVerification(startStep({ address, now: last, tenant: "shop", subject: "u" }));
      expect(other).toEqual({ kind: "waiting", retryAfterMs: MINUTE });
      expect((await restart(last + MINUTE)).kind).toBe("started");
    });

    it("makes the address wait until the oldest of the day's last guesses is a day old", async () => {
      const address = newPhone();
      let now = NOW;
      for (const round of times(2, (index) => index)) {
        const { verification } = await start(store(), { address, now, maxFailuresPerDay: 10 });
        for (const _ of times(5, () => round)) {
          await store().checkCode(
            checkStep({ target: { tenant: "default", id: verification.id }, matches: () => false, now }),
          );
          now += 1_000;
        }
        if (round === 0) now += MINUTE;
      }
      const outcome = await store().startVerification(startStep({ address, now, maxFailuresPerDay: 10 }));
      expect(outcome).toEqual({ kind: "waiting", retryAfterMs: NOW + 24 * HOUR - now });
      const next = await store().startVerification(startStep({ address, now: NOW + 24 * HOUR, maxFailuresPerDay: 10 }));
      expect(next.kind).toBe("started");
    });

    it("writes nothing for an address that waits", async () => {
      const address = newPhone();
      const { verification } = await start(store(), { address });
      const target = { tenant: "default", id: verification.id };
      for (const _ of times(5, () => 0)) await store().checkCode(checkStep({ target, matches: () => false }));
      const seq = await store().lastSeq();
      const step = startStep({ address });
      expect((await store().startVerification(step)).kind).toBe("waiting");
      expect(await store().readMessage("default", step.message.id)).toBeNull();
      expect(await store().readVerification("default", step.fresh.id)).toBeNull();
      expect(await store().lastSeq()).toBe(seq);
    });

    it("keeps the idempotent answer in the commit of the start", async () => {
      const claim = { key: "k1", request: "r1", now: NOW };
      expect(await store().claimKey(claim)).toEqual({ kind: "claimed" });
      const { verification, messageId } = await start(store(), {
        idempotency: {
          key: "k1",
          answer: (begun) => ({ status: 201, body: `${begun.verification.id} ${begun.messageId}` }),
        },
      });
      expect(await store().claimKey(claim)).toEqual({
        kind: "replay",
        answer: { status: 201, body: `${verification.id} ${messageId}` },
      });
    });

    it("stores nothing of a start whose answer cannot be written, and leaves its neighbours alone", async () => {
      await store().claimKey({ key: "k2", request: "r2", now: NOW });
      const answer = () => {
        throw new Error("no answer");
      };
      const bad = startStep({ idempotency: { key: "k2", answer } });
      const good = startStep();
      const [failed, fine] = await Promise.allSettled([
        store().startVerification(bad),
        store().startVerification(good),
      ]);
      expect([failed.status, fine.status]).toEqual(["rejected", "fulfilled"]);
      expect(await store().readVerification("default", bad.fresh.id)).toBeNull();
      expect(await store().readMessage("default", bad.message.id)).toBeNull();
      expect(await store().verificationTimeline("default", bad.fresh.id)).toEqual([]);
      expect((await store().claimKey({ key: "k2", request: "r2", now: NOW })).kind).toBe("running");
      expect(await store().readVerification("default", good.fresh.id)).toMatchObject({ status: "pending" });
    });

    it("keeps no answer for a start that was refused", async () => {
      const address = newPhone();
      await store().claimKey({ key: "k3", request: "r3", now: NOW });
      const window = { limit: 1, windowMs: HOUR, counts: "sends", refusal: "rate_limited" } as const;
      const charges = [{ dimension: "otp.number", key: address.value, windows: [window] }];
      await start(store(), { address, charges });
      const outcome = await store().startVerification(
        startStep({ address, charges, idempotency: { key: "k3", answer: () => ({ status: 201, body: "" }) } }),
      );
      expect(outcome.kind).toBe("refused");
      expect((await store().claimKey({ key: "k3", request: "r3", now: NOW })).kind).toBe("running");
    });

    it("tells the state of an address: newest verification, its last message, wrong guesses", async () => {
      const address = newPhone();
      expect(await store().readAddressState(SCOPE, address, NOW)).toEqual({
        latest: null,
        failures: { failures: [], approvedAt: null },
        lastMessage: null,
      });
      await start(store(), { address });
      const { verification, messageId } = await start(store(), { address, now: NOW + LIFE });
      await endAttempt(store(), { id: messageId, now: NOW + LIFE }, { outcome: "rejected", code: "phone_landline" });
      const state = await store().readAddressState(SCOPE, address, NOW + LIFE);
      expect(state.latest?.id).toBe(verification.id);
      expect(state.lastMessage).toEqual({ state: "failed", errorCode: "phone_landline" });
      const stranger = await store().readAddressState({ ...SCOPE, subject: "user-1" }, address, NOW + LIFE);
      expect(stranger.latest).toBeNull();
    });

    it("counts the sends of the live verification when it is started on two channels at once", async () => {
      const address = newPhone();
      const kinds = await Promise.all(
        times(40, (index) => start(store(), { address, channel: index % 2 === 0 ? "sms" : "email" })),
      );
      expect(tally(kinds.map(({ verification }) => verification.id))).toEqual({
        [kinds[0]?.verification.id ?? ""]: 40,
      });
    });
  });

  describe("cancelling a verification", () => {
    const store = useStore(open);

    it("ends a pending one, and its code finds nothing", async () => {
      const address = newPhone();
      const { verification } = await start(store(), { address });
      const canceled = await store().cancelVerification("default", verification.id, NOW + 5);
      expect(canceled).toMatchObject({ id: verification.id, status: "canceled", endedAt: NOW + 5 });
      expect(await store().readVerification("default", verification.id)).toEqual(canceled);
      const check = await store().checkCode(checkStep({ target: { ...SCOPE, address }, now: NOW + 6 }));
      expect(check.kind).toBe("none");
      const next = await start(store(), { address, now: NOW + 7 });
      expect(next.verification.id).not.toBe(verification.id);
      const types = (await store().verificationTimeline("default", verification.id)).map(({ type }) => type);
      expect(types).toEqual(["verification.started", "verification.canceled"]);
    });

    it("leaves one that has ended as it is", async () => {
      const { verification } = await start(store());
      const target = { tenant: "default", id: verification.id };
      await store().checkCode(checkStep({ target }));
      expect(await store().cancelVerification("default", verification.id, NOW + 5)).toMatchObject({
        status: "approved",
        endedAt: NOW,
      });
    });

    it("calls one past its end expired", async () => {
      const { verification } = await start(store());
      expect(await store().cancelVerification("default", verification.id, NOW + LIFE)).toMatchObject({
        status: "expired",
      });
    });

    it("finds nothing for another tenant or an unknown id", async () => {
      const { verification } = await start(store());
      expect(await store().cancelVerification("shop", verification.id, NOW)).toBeNull();
      expect(await store().cancelVerification("default", "ver_nobody", NOW)).toBeNull();
      expect(await store().readVerification("shop", verification.id)).toBeNull();
      expect(await store().readVerification("default", verification.id)).toMatchObject({ status: "pending" });
    });

    it("is cancelled or approved, never both, when a hundred of each arrive at once", async () => {
      const { verification } = await start(store());
      const target = { tenant: "default", id: verification.id };
      const calls = times(200, (index) =>
        index % 2 === 0
          ? store().checkCode(checkStep({ target }))
          : store().cancelVerification("default", verification.id, NOW),
      );
      await Promise.all(calls);
      const types = (await store().verificationTimeline("default", verification.id)).map(({ type }) => type);
      expect(types).toHaveLength(2);
      const { status } = (await store().readVerification("default", verification.id)) ?? {};
      expect(types[1]).toBe(`verification.${status}`);
    });
  });
}
