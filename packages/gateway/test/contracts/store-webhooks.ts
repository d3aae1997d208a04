import { describe, expect, it } from "vitest";
import { RETRY_DELAYS_MS, TEST_EVENT, type Webhook, type WebhookDelivery } from "../../src/domain/webhook.ts";
import type { Store } from "../../src/ports/store.ts";
import { DAY, LEASE, MINUTE, NOW, nextId, type OpenStore, times } from "./store-fixtures.ts";
import { useStore } from "./store-under-test.ts";

const newWebhook = (over: Partial<Webhook> = {}): Webhook => ({
  id: nextId("whk"),
  tenant: "default",
  url: "https://shop.example/hooks",
  events: [],
  description: "",
  key: { salt: "c2FsdA", kid: "kid1" },
  previousKey: null,
  disabledAt: null,
  disabledReason: null,
  lastSuccessAt: null,
  afterSeq: 0,
  createdAt: NOW,
  ...over,
});

const newDelivery = (webhook: Webhook, seq: number, over: Partial<WebhookDelivery> = {}): WebhookDelivery => ({
  id: nextId("whd"),
  tenant: webhook.tenant,
  webhookId: webhook.id,
  seq,
  type: "message.sent",
  at: NOW,
  data: {
    id: "msg_1",
    verificationId: null,
    messageId: "msg_1",
    state: "sent",
    channel: "sms",
    to: "+57 300 *** 4567",
  },
  state: "pending",
  attempts: 0,
  round: 0,
  dueAt: NOW,
  responseStatus: null,
  durationMs: null,
  error: null,
  createdAt: NOW,
  updatedAt: NOW,
  ...over,
});

const OK = { status: 200, error: null, durationMs: 12 } as const;
const BROKEN = { status: 500, error: "status_refused", durationMs: 7 } as const;
const GONE = { status: 410, error: "gone", durationMs: 3 } as const;

async function add(store: Store, over: Partial<Webhook> = {}): Promise<Webhook> {
  const webhook = newWebhook(over);
  await store.addWebhook(webhook);
  return webhook;
}

/** Turns so many events into deliveries; numbers go on from the cursor. */
async function fanOut(store: Store, webhook: Webhook, count: number): Promise<readonly WebhookDelivery[]> {
  const deliveries = times(count, (index) => newDelivery(webhook, webhook.afterSeq + index + 1));
  expect(await store.fanOut({ webhook, toSeq: webhook.afterSeq + count, deliveries })).toBe(true);
  return deliveries;
}

const claim = (store: Store, webhook: Webhook, { limit = 50, now = NOW } = {}) =>
  store.claimDeliveries({ webhooks: [{ id: webhook.id, limit }], leaseMs: LEASE, now });

const seqs = (deliveries: readonly WebhookDelivery[]) => deliveries.map(({ seq }) => seq);
const log = (store: Store, webhook: Webhook) => store.listDeliveries("default", webhook.id, { limit: 100 });

/** Endpoints, their deliveries and the log. */
export function webhookContract(open: OpenStore): void {
  endpointContract(open);
  deliveryContract(open);
  settlementContract(open);
  logContract(open);
}

function endpointContract(open: OpenStore): void {
  describe("webhooks", () => {
    const store = useStore(open);

    it("are kept as they were given, oldest first, each for its tenant", async () => {
      const first = await add(store(), { events: ["message", "verification.approved"], description: "Tienda" });
      const second = await add(store(), { previousKey: { salt: "b2xk", kid: "kid0", until: NOW + DAY } });
      const other = await add(store(), { tenant: "other" });
      expect(await store().listWebhooks("default")).toEqual([first, second]);
      expect(await store().readWebhook("default", first.id)).toEqual(first);
      expect(await store().readWebhook("default", other.id)).toBeNull();
      expect(await store().listEnabledWebhooks()).toEqual([first, second, other]);
    });

    it("change as they are told, and not those of others", async () => {
      const webhook = await add(store());
      const change = (before: Webhook): Webhook => ({
        ...before,
        url: "https://other.example/",
        disabledAt: NOW,
        disabledReason: "operator",
      });
      expect(await store().changeWebhook("other", webhook.id, change)).toBeNull();
      expect(await store().changeWebhook("default", "whk_none", change)).toBeNull();
      const changed = await store().changeWebhook("default", webhook.id, change);
      expect(changed).toEqual(change(webhook));
      expect(await store().readWebhook("default", webhook.id)).toEqual(changed);
      expect(await store().listEnabledWebhooks()).toEqual([]);
    });

    it("lose none of many changes at once", async () => {
      const webhook = await add(store());
      const grow = (before: Webhook): Webhook => ({ ...before, description: `${before.description}x` });
      await Promise.all(times(30, () => store().changeWebhook("default", webhook.id, grow)));
      expect((await store().readWebhook("default", webhook.id))?.description).toBe("x".repeat(30));
    });

    it("go once", async () => {
      const webhook = await add(store());
      expect(await store().removeWebhook("other", webhook.id)).toBe(false);
      expect(await store().removeWebhook("default", webhook.id)).toBe(true);
      expect(await store().removeWebhook("default", webhook.id)).toBe(false);
      expect(await store().listWebhooks("default")).toEqual([]);
    });
  });
}

function deliveryContract(open: OpenStore): void {
  describe("deliveries of webhooks", () => {
    const store = useStore(open);

    it("come with the cursor, once, whichever of many workers is first", async () => {
      const webhook = await add(store());
      const workers = await Promise.all(
        times(20, () =>
          store().fanOut({ webhook, toSeq: 3, deliveries: [newDelivery(webhook, 1), newDelivery(webhook, 3)] }),
        ),
      );
      expect(workers.filter(Boolean)).toHaveLength(1);
      expect(await store().readWebhook("default", webhook.id)).toMatchObject({ afterSeq: 3 });
      expect(seqs(await log(store(), webhook)).sort()).toEqual([1, 3]);
    });

    it("are not made for an endpoint that is switched off or gone", async () => {
      const off = await add(store(), { disabledAt: NOW, disabledReason: "operator" });
      expect(await store().fanOut({ webhook: off, toSeq: 1, deliveries: [newDelivery(off, 1)] })).toBe(false);
      const none = newWebhook();
      expect(await store().fanOut({ webhook: none, toSeq: 1, deliveries: [newDelivery(none, 1)] })).toBe(false);
      expect(await log(store(), off)).toEqual([]);
    });

    it("begin in the order of their events, so many as there are places", async () => {
      const webhook = await add(store());
      const other = await add(store());
      await fanOut(store(), webhook, 12);
      await fanOut(store(), other, 3);
      const begun = await claim(store(), webhook, { limit: 5 });
      expect(seqs(begun)).toEqual([1, 2, 3, 4, 5]);
      expect(begun[0]).toMatchObject({ state: "sending", attempts: 1, round: 1, dueAt: NOW + LEASE });
      expect(seqs(await claim(store(), webhook))).toEqual([6, 7, 8, 9, 10, 11, 12]);
      expect(await claim(store(), webhook)).toEqual([]);
      expect(seqs(await claim(store(), other))).toEqual([1, 2, 3]);
    });

    it("are never begun by two workers", async () => {
      const webhook = await add(store());
      await fanOut(store(), webhook, 100);
      const claims = await Promise.all(times(20, () => claim(store(), webhook, { limit: 7 })));
      const rest = await claim(store(), webhook, { limit: 200 });
      const begun = seqs([...claims.flat(), ...rest]).sort((a, b) => a - b);
      expect(begun).toEqual(times(100, (index) => index + 1));
    });

    it("are begun again when the lease of a worker that died has ended", async () => {
      const webhook = await add(store());
      await fanOut(store(), webhook, 1);
      const [lost] = await claim(store(), webhook);
      expect(await claim(store(), webhook, { now: NOW + LEASE - 1 })).toEqual([]);
      const [again] = await claim(store(), webhook, { now: NOW + LEASE });
      expect(again).toMatchObject({ id: lost?.id, attempts: 2, state: "sending" });
      if (lost === undefined || again === undefined) throw new Error("nothing was claimed");
      const attempted = { result: OK, chance: 0.5, now: NOW + LEASE };
      expect(await store().settleDelivery(lost, attempted)).toBeNull();
      expect(await store().settleDelivery(again, attempted)).toMatchObject({ state: "delivered", attempts: 2 });
    });

    it("of a test are leased to whoever makes them", async () => {
      const webhook = await add(store());
      const sending = { state: "sending", attempts: 1, round: 1, dueAt: NOW + LEASE } as const;
      const test = newDelivery(webhook, 0, { type: TEST_EVENT, ...sending });
      await store().addDelivery(test);
      expect(await claim(store(), webhook)).toEqual([]);
      const failed = await store().settleDelivery(test, { result: BROKEN, chance: 0, now: NOW });
      expect(failed).toMatchObject({ state: "failed", error: "status_refused", dueAt: null });
      expect(await store().readWebhook("default", webhook.id)).toMatchObject({ disabledAt: null });
    });
  });
}

function settlementContract(open: OpenStore): void {
  describe("attempts of webhooks", () => {
    const store = useStore(open);

    /** Lets every attempt of one delivery fail, the whole schedule long. */
    async function failAll(webhook: Webhook): Promise<WebhookDelivery> {
      let now = NOW;
      for (const _ of times(RETRY_DELAYS_MS.length + 1, () => 0)) {
        const [begun] = await claim(store(), webhook, { limit: 1, now });
        if (begun === undefined) throw new Error("nothing was due");
        const settled = await store().settleDelivery(begun, { result: BROKEN, chance: 0.5, now });
        if (settled === null || settled.state === "failed") return settled ?? begun;
        now = settled.dueAt ?? now;
      }
      throw new Error("it was never given up");
    }

    const disabledEvents = async () =>
      (await store().listEvents("default", 0, 50)).filter(({ type }) => type === "webhook.disabled");

    it("that deliver end it, and are noted at the endpoint once a minute", async () => {
      const webhook = await add(store());
      await fanOut(store(), webhook, 3);
      const [first, second, third] = await claim(store(), webhook);
      if (first === undefined || second === undefined || third === undefined) throw new Error("nothing was claimed");
      const settled = await store().settleDelivery(first, { result: OK, chance: 0, now: NOW + 1 });
      const kept = { ...first, state: "delivered", dueAt: null, responseStatus: 200, durationMs: 12 };
      expect(settled).toEqual({ ...kept, updatedAt: NOW + 1 });
      expect((await log(store(), webhook)).find(({ id }) => id === first.id)).toEqual(settled);
      await store().settleDelivery(second, { result: OK, chance: 0, now: NOW + 2 });
      expect(await store().readWebhook("default", webhook.id)).toMatchObject({ lastSuccessAt: NOW + 1 });
      await store().settleDelivery(third, { result: OK, chance: 0, now: NOW + 1 + MINUTE });
      expect(await store().readWebhook("default", webhook.id)).toMatchObject({ lastSuccessAt: NOW + 1 + MINUTE });
    });

    it("that fail wait as the schedule says", async () => {
      const webhook = await add(store());
      await fanOut(store(), webhook, 1);
      const [begun] = await claim(store(), webhook);
      if (begun === undefined) throw new Error("nothing was claimed");
      const settled = await store().settleDelivery(begun, { result: BROKEN, chance: 0.5, now: NOW });
      expect(settled).toMatchObject({ state: "pending", dueAt: NOW + 5_000, responseStatus: 500 });
      expect(await claim(store(), webhook, { now: NOW + 4_999 })).toEqual([]);
      expect(await claim(store(), webhook, { now: NOW + 5_000 })).toHaveLength(1);
    });

    it("that failed for days switch the endpoint off, and an event says so", async () => {
      const webhook = await add(store());
      await fanOut(store(), webhook, 1);
      const failed = await failAll(webhook);
      expect(failed).toMatchObject({ state: "failed", attempts: 10, dueAt: null, error: "status_refused" });
      expect(failed.updatedAt - NOW).toBeGreaterThan(3 * DAY);
      expect(await store().readWebhook("default", webhook.id)).toMatchObject({
        disabledAt: failed.updatedAt,
        disabledReason: "failing",
      });
      const data = { webhookId: webhook.id, reason: "failing", deliveryId: failed.id };
      expect(await disabledEvents()).toMatchObject([{ verificationId: null, messageId: null, data }]);
    });

    it("that failed for days leave an endpoint alone that took others meanwhile", async () => {
      const webhook = await add(store(), { lastSuccessAt: NOW + 1 });
      await fanOut(store(), webhook, 1);
      await failAll(webhook);
      expect(await store().readWebhook("default", webhook.id)).toMatchObject({ disabledAt: null });
      expect(await disabledEvents()).toEqual([]);
    });

    it("that read 410 switch the endpoint off at once, and it is said once", async () => {
      const webhook = await add(store());
      await fanOut(store(), webhook, 5);
      const begun = await claim(store(), webhook);
      await Promise.all(
        begun.map((delivery) => store().settleDelivery(delivery, { result: GONE, chance: 0, now: NOW })),
      );
      expect(await store().readWebhook("default", webhook.id)).toMatchObject({ disabledReason: "gone" });
      expect(await disabledEvents()).toHaveLength(1);
    });

    it("that nobody leased settle nothing", async () => {
      const webhook = await add(store());
      const [pending] = await fanOut(store(), webhook, 1);
      if (pending === undefined) throw new Error("there is none");
      expect(await store().settleDelivery(pending, { result: OK, chance: 0, now: NOW })).toBeNull();
    });
  });
}

function logContract(open: OpenStore): void {
  describe("the log of webhooks", () => {
    const store = useStore(open);

    it("is read newest first, in pages, by state", async () => {
      const webhook = await add(store());
      const made = (await fanOut(store(), webhook, 5)).toReversed().map(({ id }) => id);
      const page = async (more: object = {}, tenant = "default") =>
        (await store().listDeliveries(tenant, webhook.id, { limit: 2, ...more })).map(({ id }) => id);
      expect(await page()).toEqual(made.slice(0, 2));
      expect(await page({ before: made[1] })).toEqual(made.slice(2, 4));
      expect(await page({ state: "delivered" })).toEqual([]);
      expect(await page({}, "other")).toEqual([]);
    });

    it("lets one be sent again, from the first attempt, but not while one runs", async () => {
      const webhook = await add(store());
      await fanOut(store(), webhook, 1);
      const [begun] = await claim(store(), webhook);
      if (begun === undefined) throw new Error("nothing was claimed");
      const replay = (tenant = "default") => store().replayDelivery(tenant, begun.id, NOW + 9);
      expect(await replay()).toEqual(begun);
      await store().settleDelivery(begun, { result: OK, chance: 0, now: NOW + 1 });
      expect(await replay("other")).toBeNull();
      expect(await replay()).toMatchObject({ id: begun.id, state: "pending", attempts: 1, round: 0, dueAt: NOW + 9 });
      const [again] = await claim(store(), webhook, { now: NOW + 9 });
      expect(again).toMatchObject({ id: begun.id, attempts: 2, round: 1, data: begun.data });
      expect(await store().replayDelivery("default", "whd_none", NOW)).toBeNull();
    });

    it("is kept for thirty days", async () => {
      const webhook = await add(store());
      await store().fanOut({
        webhook,
        toSeq: 2,
        deliveries: [newDelivery(webhook, 1), newDelivery(webhook, 2, { createdAt: NOW + 1 })],
      });
      const step = { limit: 100, hashAddress: (address: string) => `~${address}` };
      expect((await store().forgetOld({ ...step, now: NOW + 30 * DAY - 1 })).webhook_deliveries).toBe(0);
      expect((await store().forgetOld({ ...step, now: NOW + 30 * DAY })).webhook_deliveries).toBe(1);
      expect(seqs(await log(store(), webhook))).toEqual([2]);
    });
  });
}
