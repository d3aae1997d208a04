import { describe, expect, it } from "vitest";
import type { NewMessage } from "../../src/domain/message.ts";
import type { ClaimStep } from "../../src/ports/message-store.ts";
import type { Store } from "../../src/ports/store.ts";
import {
  attemptOf,
  chargeTo,
  checkStep,
  conclude,
  DAY,
  endAttempt,
  HOUR,
  LEASE,
  LIFE,
  MINUTE,
  NOW,
  newMessage,
  newPhone,
  type OpenStore,
  sendsPer,
  start,
  times,
} from "./store-fixtures.ts";
import { useStore } from "./store-under-test.ts";

interface Claim extends Omit<ClaimStep, "lanes"> {
  readonly lanes: readonly Omit<ClaimStep["lanes"][number], "limit">[];
  /** Of each lane. */
  readonly limit: number;
}

export function claimStep(over: Partial<Claim> = {}): ClaimStep {
  const every: Claim["lanes"] = [
    { lane: "otp", exceptCountries: [] },
    { lane: "notification", exceptCountries: [] },
  ];
  const { lanes = every, limit = 50, leaseMs = LEASE, now = NOW } = over;
  return { lanes: lanes.map((lane) => ({ ...lane, limit })), leaseMs, now };
}

export async function enqueue(store: Store, over: Partial<NewMessage> = {}, now = NOW): Promise<string> {
  const message = newMessage({ now, ...over });
  const outcome = await store.enqueueMessage({ message, charges: [], now });
  expect(outcome).toEqual({ kind: "enqueued" });
  return message.id;
}

const ids = (messages: readonly { readonly id: string }[]) => messages.map(({ id }) => id);

/** The outbox: what is put in, read and listed. */
export function messageContract(open: OpenStore): void {
  describe("the outbox", () => {
    const store = useStore(open);

    it("keeps a notification as it was given, queued", async () => {
      const message = newMessage({ template: "order", userName: "Ana", segments: 2, locale: "en" });
      await store().enqueueMessage({ message, charges: [], now: NOW });
      const { leaseUntil: _, ...kept } = message;
      expect(await store().readMessage("default", message.id)).toEqual({
        ...kept,
        ...{ verificationId: null, state: "queued", errorCode: null, providerMessageId: null },
        ...{ attempts: 0, tried: [], unknownAttempts: 0, createdAt: NOW, updatedAt: NOW },
      });
      expect(await store().messageTimeline("default", message.id)).toMatchObject([
        { type: "message.queued", messageId: message.id, verificationId: null, at: NOW },
      ]);
    });

    it("keeps the idempotent answer in the commit of the message", async () => {
      const claim = { key: "n1", request: "r", now: NOW };
      await store().claimKey(claim);
      const answer = { status: 202, body: "{}" };
      await store().enqueueMessage({
        message: newMessage(),
        charges: [],
        idempotency: { key: "n1", answer },
        now: NOW,
      });
      expect(await store().claimKey(claim)).toEqual({ kind: "replay", answer });
    });

    it("reads nothing for another tenant", async () => {
      const id = await enqueue(store());
      expect(await store().readMessage("shop", id)).toBeNull();
      expect(await store().readMessage("default", "msg_nobody")).toBeNull();
      expect(await store().messageTimeline("shop", id)).toEqual([]);
      expect(await store().listMessages("shop", { limit: 10 })).toEqual([]);
    });

    it("lists newest first, page by page, each message once", async () => {
      const all = await Promise.all(times(25, () => enqueue(store())));
      const newestFirst = [...all].sort().reverse();
      const pages: string[][] = [];
      let before: string | undefined;
      for (const _ of times(4, () => 0)) {
        const page = await store().listMessages("default", { limit: 10, ...(before === undefined ? {} : { before }) });
        pages.push(ids(page));
        before = page.at(-1)?.id ?? before;
      }
      expect(pages.map((page) => page.length)).toEqual([10, 10, 5, 0]);
      expect(pages.flat()).toEqual(newestFirst);
    });

    it("lists by address and by state", async () => {
      const { value: to } = newPhone();
      const sent = await enqueue(store(), { to });
      const queued = await enqueue(store(), { to });
      await enqueue(store());
      await store().claimMessages(claimStep({ limit: 1 }));
      await endAttempt(store(), { id: sent }, { outcome: "accepted", providerMessageId: "p" });
      expect(ids(await store().listMessages("default", { to, limit: 10 }))).toEqual([queued, sent]);
      expect(ids(await store().listMessages("default", { to, state: "sent", limit: 10 }))).toEqual([sent]);
      expect(ids(await store().listMessages("default", { state: "queued", limit: 10 }))).toHaveLength(2);
      expect(await store().listMessages("default", { to, state: "failed", limit: 10 })).toEqual([]);
    });

    it("tells how many messages wait and since when", async () => {
      expect(await store().readQueue()).toEqual({ depth: 0, oldestAt: null });
      const first = await enqueue(store(), {}, NOW);
      await enqueue(store(), {}, NOW + 5);
      await start(store(), { now: NOW + 7 });
      expect(await store().readQueue()).toEqual({ depth: 3, oldestAt: NOW });
      await store().claimMessages(claimStep({ limit: 1 }));
      expect((await store().readQueue()).depth).toBe(3);
      await endAttempt(store(), { id: first }, { outcome: "accepted", providerMessageId: "p" });
      expect(await store().readQueue()).toEqual({ depth: 2, oldestAt: NOW + 5 });
    });
  });
}

/** Claims: leases, lanes, deadlines, and what a lost process leaves behind. */
export function claimContract(open: OpenStore): void {
  describe("claiming messages", () => {
    const store = useStore(open);
    const claim = async (over: Partial<Claim> = {}) => (await store().claimMessages(claimStep(over))).begun;
    const stateOf = async (id: string) => (await store().readMessage("default", id))?.state;
    const verificationOf = async (id: string) => store().readVerification("default", id);

    it("begins an attempt of each and leases it", async () => {
      const id = await enqueue(store());
      const claimed = await claim({ now: NOW + 1 });
      expect(claimed).toMatchObject([
        { id, state: "sending", attempts: 1, unknownAttempts: 0, updatedAt: NOW + 1, text: "Su pedido va en camino" },
      ]);
      expect(await store().readMessage("default", id)).toEqual(claimed[0]);
      expect(await claim({ now: NOW + LEASE })).toEqual([]);
    });

    it("gives each message to one of many claimers at once", async () => {
      const all = await Promise.all(times(200, () => enqueue(store())));
      const claims = await Promise.all(times(30, () => claim({ limit: 10 })));
      expect(claims.every((claimed) => claimed.length <= 10)).toBe(true);
      expect(claims.flat()).toHaveLength(200);
      expect(new Set(ids(claims.flat()))).toEqual(new Set(all));
      expect(claims.flat().every(({ attempts }) => attempts === 1)).toBe(true);
    });

    it("takes codes before notifications, and the oldest first", async () => {
      const late = await enqueue(store(), {}, NOW - 1);
      const early = await enqueue(store(), {}, NOW - 2);
      const { messageId } = await start(store(), { now: NOW - LEASE });
      expect(ids(await claim({ limit: 1 }))).toEqual([messageId, early]);
      expect(ids(await claim())).toEqual([late]);
    });

    it("takes only the lanes and countries that may send", async () => {
      const co = await enqueue(store(), { country: "CO" });
      const ec = await enqueue(store(), { country: "EC" });
      const mail = await enqueue(store(), { country: null, channel: "email", to: "a@shop.example" });
      expect(await claim({ lanes: [] })).toEqual([]);
      expect(await claim({ lanes: [{ lane: "otp", exceptCountries: [] }] })).toEqual([]);
      const exceptCo = { lane: "notification", exceptCountries: ["CO", "VE"] } as const;
      expect(ids(await claim({ lanes: [exceptCo] })).sort()).toEqual([ec, mail].sort());
      expect(ids(await claim())).toEqual([co]);
    });

    it("leaves a code to the process that accepted it until its lease ends", async () => {
      const { messageId } = await start(store());
      expect(await claim({ now: NOW + LEASE - 1 })).toEqual([]);
      expect(await claim({ now: NOW + LEASE })).toMatchObject([{ id: messageId, attempts: 2, unknownAttempts: 1 }]);
    });

    it("sends a code whose outcome nobody knows once more, and never a third time", async () => {
      const charge = chargeTo(newPhone(), sendsPer(5, HOUR));
      const { messageId, verification } = await start(store(), { charges: [charge] });
      expect(ids(await claim({ now: NOW + LEASE }))).toEqual([messageId]);
      expect(await claim({ now: NOW + 2 * LEASE })).toEqual([]);
      expect(await store().readMessage("default", messageId)).toMatchObject({
        state: "unknown",
        attempts: 2,
        unknownAttempts: 2,
      });
      expect(await claim({ now: NOW + 5 * LEASE })).toEqual([]);
      expect(await verificationOf(verification.id)).toMatchObject({ status: "pending", sends: 1 });
      expect(await store().readSends(charge, NOW)).toMatchObject([{ released: false }]);
      const types = (await store().messageTimeline("default", messageId)).map(({ type }) => type);
      expect(types).toEqual(["verification.started", "message.retrying", "message.unknown"]);
    });

    it("never sends a notification again when its outcome is unknown", async () => {
      const id = await enqueue(store());
      await claim();
      expect(await claim({ now: NOW + LEASE })).toEqual([]);
      expect(await store().readMessage("default", id)).toMatchObject({ state: "unknown", attempts: 1, text: null });
      expect(await store().readQueue()).toEqual({ depth: 0, oldestAt: null });
    });

    it("refuses what a process says whose lease was taken over", async () => {
      const { messageId } = await start(store());
      await claim({ now: NOW + LEASE });
      const stale = await attemptOf(store(), { id: messageId });
      const accepted = { outcome: "accepted", providerMessageId: "p1" } as const;
      expect(await conclude(store(), stale, [accepted, NOW + LEASE])).toBeNull();
      expect(await conclude(store(), stale, [{ outcome: "rejected", code: "opted_out" }, NOW + LEASE])).toBeNull();
      expect(await stateOf(messageId)).toBe("sending");
      const running = await attemptOf(store(), { id: messageId, attempt: 2 });
      expect(await conclude(store(), running, [accepted, NOW + LEASE])).toMatchObject({ state: "sent" });
    });

    it("lets one of many processes take over a lost lease", async () => {
      const { messageId } = await start(store());
      const claims = await Promise.all(times(100, () => claim({ now: NOW + LEASE })));
      expect(ids(claims.flat())).toEqual([messageId]);
    });

    it("never sends at its deadline: the message expires and gives its sends back", async () => {
      const { value: to } = newPhone();
      const charge = { dimension: "notification.number", key: to, windows: [sendsPer(1, DAY * 2)] };
      const message = newMessage({ to, deliverBefore: NOW + HOUR });
      await store().enqueueMessage({ message, charges: [charge], now: NOW });
      expect(await claim({ now: NOW + HOUR })).toEqual([]);
      expect(await store().readMessage("default", message.id)).toMatchObject({
        state: "expired",
        text: null,
        attempts: 0,
      });
      expect(await store().readSends(charge, NOW + HOUR)).toMatchObject([{ released: true }]);
      expect((await store().messageTimeline("default", message.id)).at(-1)).toMatchObject({
        type: "message.expired",
        data: { reason: "deadline" },
      });
    });

    it("sends in the last millisecond before its deadline", async () => {
      const id = await enqueue(store(), { deliverBefore: NOW + HOUR });
      expect(ids(await claim({ now: NOW + HOUR - 1 }))).toEqual([id]);
    });

    it("gives nothing back for a code that expires after it may have left", async () => {
      const charge = chargeTo(newPhone(), sendsPer(5, HOUR));
      const { messageId } = await start(store(), { charges: [charge] });
      await endAttempt(store(), { id: messageId, now: NOW + 1 }, { outcome: "unknown" });
      expect(await stateOf(messageId)).toBe("queued");
      expect(await claim({ now: NOW + LIFE })).toEqual([]);
      expect(await stateOf(messageId)).toBe("unknown");
      expect(await store().readSends(charge, NOW + LIFE)).toMatchObject([{ released: false }]);
    });

    it.each([
      { how: "cancelled", end: (id: string) => store().cancelVerification("default", id, NOW + 1) },
      {
        how: "used",
        end: (id: string) => store().checkCode(checkStep({ target: { tenant: "default", id }, now: NOW + 1 })),
      },
    ])("never sends a code that was $how while it waited", async ({ end }) => {
      const charge = chargeTo(newPhone(), sendsPer(5, HOUR));
      const { messageId, verification } = await start(store(), { charges: [charge] });
      await endAttempt(store(), { id: messageId }, { outcome: "unavailable" });
      await end(verification.id);
      const before = await verificationOf(verification.id);
      expect(await claim({ now: NOW + MINUTE })).toEqual([]);
      expect(await stateOf(messageId)).toBe("expired");
      expect(await store().readSends(charge, NOW + MINUTE)).toMatchObject([{ released: true }]);
      expect(await verificationOf(verification.id)).toEqual(before);
      expect((await store().messageTimeline("default", messageId)).at(-1)?.data).toEqual({
        reason: "verification_ended",
      });
    });

    it("takes one message by its id, when it is due and nobody has it", async () => {
      const id = await enqueue(store());
      const other = await enqueue(store());
      const step = { leaseMs: LEASE, now: NOW + 1 };
      const all = await Promise.all(times(20, () => store().claimMessage(id, step)));
      expect(all.filter((claimed) => claimed !== null)).toMatchObject([{ id, state: "sending", attempts: 1 }]);
      expect(await stateOf(other)).toBe("queued");
      await endAttempt(store(), { id, now: NOW + 2 }, { outcome: "unavailable" });
      expect(await store().claimMessage(id, { ...step, now: NOW + 3 })).toBeNull();
      expect(await store().claimMessage(id, { ...step, now: NOW + MINUTE })).toMatchObject({ attempts: 2 });
      expect(await store().claimMessage("msg_nobody", step)).toBeNull();
    });

    it("hands a message to the next provider and writes down whom it called", async () => {
      const { messageId } = await start(store());
      const first = await attemptOf(store(), { id: messageId });
      const down = { result: { outcome: "unavailable" }, usable: [first.provider, "second"], now: NOW + 1 } as const;
      expect(await store().settleAttempt(first, down)).toMatchObject({ state: "queued", provider: "second" });
      const second = await store().claimMessage(messageId, { leaseMs: LEASE, now: NOW + 1 });
      const tried = [first.provider, "second"];
      expect(second).toMatchObject({ state: "sending", attempts: 2, provider: "second", tried });
      if (second === null) throw new Error("it was due");
      expect(await store().readMessage("default", messageId)).toEqual(second);
      const accepted = { outcome: "accepted", providerMessageId: "p-2" } as const;
      expect(await store().settleAttempt(second, { result: accepted, usable: tried, now: NOW + 2 })).toMatchObject({
        ...{ state: "sent", provider: "second", tried, providerMessageId: "p-2" },
      });
      const timeline = await store().messageTimeline("default", messageId);
      expect(timeline.slice(1).map(({ type, data }) => ({ type, data }))).toEqual([
        {
          type: "message.retrying",
          data: { attempt: 1, provider: first.provider, outcome: "unavailable", next: "second" },
        },
        { type: "message.sent", data: { attempt: 2, provider: "second", outcome: "accepted" } },
      ]);
    });

    it("never hands on a code that was used meanwhile", async () => {
      const { messageId, verification } = await start(store());
      const first = await attemptOf(store(), { id: messageId });
      await store().settleAttempt(first, {
        result: { outcome: "unknown" },
        usable: [first.provider, "b"],
        now: NOW + 1,
      });
      await store().checkCode(checkStep({ target: { tenant: "default", id: verification.id }, now: NOW + 1 }));
      expect(await store().claimMessage(messageId, { leaseMs: LEASE, now: NOW + 2 })).toMatchObject({
        state: "unknown",
      });
    });

    it("gives back the send of a code that expired unsent", async () => {
      const charge = chargeTo(newPhone(), sendsPer(5, HOUR));
      const { messageId } = await start(store(), { charges: [charge] });
      const throttled = { outcome: "throttled", retryAfterMs: 5 * MINUTE } as const;
      await endAttempt(store(), { id: messageId }, throttled);
      expect(await claim({ now: NOW + LIFE })).toEqual([]);
      expect(await stateOf(messageId)).toBe("expired");
      expect(await store().readSends(charge, NOW + LIFE)).toMatchObject([{ released: true }]);
    });
  });
}
