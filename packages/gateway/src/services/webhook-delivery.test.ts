import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newMessage, start, times } from "../../test/contracts/store-fixtures.ts";
import { type ManualClock, manualClock, openTemporaryStore, settle, type TemporaryStore } from "../../test/doubles.ts";
import { createSecrets } from "../adapters/system.ts";
import { RETRY_DELAYS_MS, type WebhookResult } from "../domain/webhook.ts";
import type { WebhookRequest } from "../ports/webhook-sender.ts";
import { createWebhookDelivery, type WebhookDeliveries } from "./webhook-delivery.ts";
import { createWebhookKeys } from "./webhook-keys.ts";
import { createWebhooks, type Webhooks } from "./webhooks.ts";

const NOW = Date.UTC(2026, 0, 5, 12);
const DAY = 86_400_000;
const FIRST = "a-secret-for-tests-only-0123456789";
const SECOND = "another-secret-for-tests-0123456789";
const OK: WebhookResult = { status: 200, error: null, durationMs: 5 };
const BROKEN: WebhookResult = { status: 500, error: "status_refused", durationMs: 5 };
const URL_TEXT = "https://shop.example/hooks";

let clock: ManualClock;
let opened: TemporaryStore;
let sent: WebhookRequest[];
let outcomes: string[];
let answer: (request: WebhookRequest) => WebhookResult | Promise<WebhookResult>;
const errors: unknown[] = [];

beforeEach(async () => {
  clock = manualClock(NOW);
  opened = await openTemporaryStore();
  sent = [];
  outcomes = [];
  errors.length = 0;
  answer = () => OK;
});
afterEach(async () => {
  await opened.close();
  expect(errors).toEqual([]);
});

interface Worker extends WebhookDeliveries {
  readonly webhooks: Webhooks;
}

function worker(otpSecret = FIRST, otpSecretPrevious: string | undefined = undefined): Worker {
  const { store } = opened;
  const secrets = createSecrets({ otpSecret, otpSecretPrevious });
  const keys = createWebhookKeys(secrets);
  const sender = {
    send: async (request: WebhookRequest) => {
      sent.push(request);
      return answer(request);
    },
  };
  const onAttempt = (outcome: string): void => void outcomes.push(outcome);
  const onError = (error: unknown): void => void errors.push(error);
  const delivery = createWebhookDelivery({ store, clock, secrets, keys, sender, onAttempt, onError });
  const policy = { allowsHttp: false, allowsPrivate: false };
  const webhooks = createWebhooks({ store, clock, secrets, keys, policy, sendTest: delivery.sendTest });
  return { ...delivery, webhooks };
}

const add = async ({ webhooks }: Worker, events: readonly string[] = []) =>
  webhooks.add("default", { url: URL_TEXT, events, description: "" });

/** One event each. */
const happen = (count: number) =>
  Promise.all(
    times(count, () => opened.store.enqueueMessage({ message: newMessage({ now: NOW }), charges: [], now: NOW })),
  );

async function work(...workers: readonly Worker[]): Promise<void> {
  await Promise.all(workers.map((each) => each.work()));
  await settle();
}

describe("what happens", () => {
  it("before an endpoint is registered, is not sent to it", async () => {
    const one = worker();
    await happen(3);
    await add(one);
    await work(one);
    expect(sent).toEqual([]);
  });

  it("is sent once by many workers, in the order of the events", async () => {
    const all = times(4, () => worker());
    const [one] = all;
    if (one === undefined) throw new Error("no worker");
    const { webhook } = await add(one);
    await happen(30);
    for (const _ of times(8, () => 0)) await work(...all);
    const log = await one.webhooks.deliveries("default", webhook.id, { limit: 100 });
    expect(sent).toHaveLength(30);
    expect(new Set(sent.map(({ delivery }) => delivery.id)).size).toBe(30);
    expect(log.map(({ seq }) => seq)).toEqual(times(30, (index) => 30 - index));
    expect(log.every(({ state, attempts }) => state === "delivered" && attempts === 1)).toBe(true);
  });

  it("is sent to each endpoint that asked for it", async () => {
    const one = worker();
    await add(one, ["verification"]);
    await add(one, ["message.queued"]);
    await start(opened.store, { tenant: "default" });
    await happen(1);
    await work(one);
    expect(sent.map(({ delivery }) => delivery.type).sort()).toEqual(["message.queued", "verification.started"]);
  });

  it("for another tenant is nobody's business", async () => {
    const one = worker();
    await add(one);
    await start(opened.store, { tenant: "other" });
    await work(one);
    expect(sent).toEqual([]);
  });

  it("fills the places of an endpoint as they are free again, without the next turn", async () => {
    const one = worker();
    await add(one);
    await happen(50);
    const held: (() => void)[] = [];
    answer = () => new Promise((resolve) => held.push(() => resolve(OK)));
    await work(one);
    expect(sent).toHaveLength(8);
    for (let round = 0; round < 60 && sent.length < 50; round++) {
      held.shift()?.();
      await settle();
    }
    expect(sent).toHaveLength(50);
    for (const release of held) release();
    await settle();
  });

  it("waits for a slow endpoint without keeping the others", async () => {
    const one = worker();
    await add(one);
    await one.webhooks.add("default", { url: "https://quick.example/", events: [], description: "" });
    answer = ({ url }) => (url === URL_TEXT ? new Promise(() => undefined) : OK);
    await happen(20);
    for (const _ of times(4, () => 0)) await work(one);
    expect(sent.filter(({ url }) => url !== URL_TEXT)).toHaveLength(20);
  });
});

describe("what an endpoint does not take", () => {
  it("is tried ten times over three days, with the same id, and then the endpoint is off", async () => {
    const one = worker();
    const { webhook } = await add(one);
    answer = () => BROKEN;
    await happen(1);
    await work(one);
    for (const delay of RETRY_DELAYS_MS) {
      await clock.advance(delay * 0.8);
      await work(one);
      await clock.advance(delay * 0.35);
      await work(one);
    }
    expect(sent).toHaveLength(10);
    expect(outcomes).toEqual(times(10, () => "status_refused"));
    expect(new Set(sent.map(({ delivery }) => delivery.id)).size).toBe(1);
    const [listed] = await one.webhooks.list("default");
    expect(listed).toMatchObject({ id: webhook.id, disabledReason: "failing" });
    await happen(1);
    await work(one);
    expect(sent).toHaveLength(10);
  });

  it("waits while an endpoint is off, and goes on when it is on again, with what happens then", async () => {
    const one = worker();
    const { webhook } = await add(one);
    answer = () => BROKEN;
    await happen(1);
    await work(one);
    await one.webhooks.change("default", webhook.id, { enabled: false });
    await happen(5);
    await clock.advance(DAY);
    await work(one);
    expect(sent).toHaveLength(1);
    answer = () => OK;
    await one.webhooks.change("default", webhook.id, { enabled: true });
    await happen(1);
    await work(one);
    expect(sent).toHaveLength(3);
    const log = await one.webhooks.deliveries("default", webhook.id, { limit: 10 });
    expect(log.map(({ seq, state }) => [seq, state])).toEqual([
      [7, "delivered"],
      [1, "delivered"],
    ]);
  });
});

describe("tests and replays", () => {
  it("posts a test at once, also where the endpoint is off, and tries no second time", async () => {
    const one = worker();
    const { webhook } = await add(one);
    await one.webhooks.change("default", webhook.id, { enabled: false });
    answer = () => BROKEN;
    const tested = await one.webhooks.test("default", webhook.id);
    expect(tested).toMatchObject({ type: "webhook.test", state: "failed", responseStatus: 500, dueAt: null });
    expect(sent).toHaveLength(1);
    await expect(one.webhooks.test("other", webhook.id)).rejects.toMatchObject({ code: "not_found" });
  });

  it("sends a delivery again with the same id and body", async () => {
    const one = worker();
    await add(one);
    await happen(1);
    await work(one);
    const [first] = sent;
    await one.webhooks.replay("default", first?.delivery.id ?? "");
    await work(one);
    expect(sent).toHaveLength(2);
    const { id, type, at, data } = first?.delivery ?? {};
    expect(sent[1]?.delivery).toMatchObject({ id, type, at, data });
    await expect(one.webhooks.replay("other", id ?? "")).rejects.toMatchObject({ code: "not_found" });
  });

  it("replays nothing for an endpoint that is gone", async () => {
    const one = worker();
    const { webhook } = await add(one);
    await happen(1);
    await work(one);
    await one.webhooks.remove("default", webhook.id);
    await expect(one.webhooks.replay("default", sent[0]?.delivery.id ?? "")).rejects.toMatchObject({
      code: "not_found",
    });
  });
});

describe("secrets", () => {
  it("are made once, shown once, and are not what the database holds", async () => {
    const one = worker();
    const { webhook, secret } = await add(one);
    const { secret: other } = await add(one);
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(other).not.toBe(secret);
    expect(JSON.stringify(webhook)).not.toContain(secret.slice(6, 30));
    await happen(1);
    await work(one);
    expect(sent.map(({ secrets }) => secrets)).toContainEqual([secret]);
  });

  it("sign beside the one before for a day after a rotation", async () => {
    const one = worker();
    const { webhook, secret } = await add(one);
    const { secret: next } = await one.webhooks.rotate("default", webhook.id);
    expect(next).not.toBe(secret);
    const signing = async () => {
      await happen(1);
      await work(one);
      return sent.at(-1)?.secrets;
    };
    expect(await signing()).toEqual([next, secret]);
    await clock.advance(DAY - 1);
    expect(await signing()).toEqual([next, secret]);
    await clock.advance(1);
    expect(await signing()).toEqual([next]);
  });

  it("outlive a rotation of OTP_SECRET while the one before is configured, and wait when it is not", async () => {
    const before = worker();
    const { webhook, secret } = await add(before);
    const between = worker(SECOND, FIRST);
    expect(between.webhooks.secretIsCurrent(webhook)).toBe(false);
    await happen(1);
    await work(between);
    expect(sent.at(-1)?.secrets).toEqual([secret]);

    const after = worker(SECOND);
    await happen(1);
    await work(after);
    expect(sent).toHaveLength(1);
    const waiting = await after.webhooks.deliveries("default", webhook.id, { limit: 9, state: "pending" });
    expect(waiting).toMatchObject([{ error: "secret_missing", attempts: 1 }]);

    const { webhook: rotated, secret: next } = await after.webhooks.rotate("default", webhook.id);
    expect(after.webhooks.secretIsCurrent(rotated)).toBe(true);
    await clock.advance(10_000);
    await work(after);
    expect(sent.at(-1)?.secrets).toEqual([next]);
  });
});

describe("what may be registered", () => {
  it.each([
    "http://shop.example/",
    "https://user@shop.example/",
    "https://shop.example/#part",
    "https://10.0.0.1/",
    "https://[::1]/",
    "https://2130706433/",
    "file:///etc/passwd",
    "shop.example",
  ])("is not %s", async (url) => {
    const adding = worker().webhooks.add("default", { url, events: [], description: "" });
    await expect(adding).rejects.toMatchObject({ code: "fields_invalid" });
  });

  it("is twenty for a tenant", async () => {
    const one = worker();
    for (const _ of times(20, () => 0)) await add(one);
    await expect(add(one)).rejects.toMatchObject({ code: "fields_invalid" });
  });
});

describe("the end of a process", () => {
  it("begins nothing more, and leaves what runs to whoever finds its lease ended", async () => {
    const one = worker();
    await add(one);
    await happen(1);
    answer = () => new Promise(() => undefined);
    await work(one);
    const draining = one.drain(1_000);
    await clock.advance(1_000);
    await Promise.race([draining, settle()]);
    await happen(1);
    await work(one);
    expect(sent).toHaveLength(1);
    const two = worker();
    answer = () => OK;
    await clock.advance(30_000);
    await work(two);
    expect(sent).toHaveLength(3);
  });
});
