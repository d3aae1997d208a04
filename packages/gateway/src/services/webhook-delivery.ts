import { ID_RANDOM_BYTES, toId } from "../domain/id.ts";
import { TEST_EVENT, type Webhook, type WebhookDelivery, type WebhookResult, wantsEvent } from "../domain/webhook.ts";
import { toWebhookData } from "../domain/webhook-payload.ts";
import type { Clock } from "../ports/clock.ts";
import type { EventStore, StoredEvent } from "../ports/event-store.ts";
import type { MessageStore } from "../ports/message-store.ts";
import type { Secrets } from "../ports/secrets.ts";
import type { VerificationStore } from "../ports/verification-store.ts";
import type { WebhookSender } from "../ports/webhook-sender.ts";
import type { WebhookStore } from "../ports/webhook-store.ts";
import type { WebhookKeys } from "./webhook-keys.ts";

/** Twice what an attempt may take. */
const LEASE_MS = 30_000;
const EVENTS_AT_ONCE = 200;
/** Batches of one endpoint in a turn; a long backlog leaves the others theirs. */
const MAX_BATCHES = 10;
/** Posts under way to one endpoint, and to all: a slow one holds its own places only. */
const PLACES_PER_WEBHOOK = 8;
const PLACES = 64;
const MAX_CHANCE = 0xffff;

export interface WebhookDeliveryOptions {
  readonly store: WebhookStore &
    Pick<EventStore, "listEvents" | "lastSeq"> &
    Pick<MessageStore, "readMessage"> &
    Pick<VerificationStore, "readVerification">;
  readonly clock: Clock;
  readonly secrets: Secrets;
  readonly keys: WebhookKeys;
  readonly sender: WebhookSender;
  /** Hears of every attempt: `delivered`, or why not. */
  readonly onAttempt?: (outcome: string) => void;
  /** Hears of an attempt that could not be recorded; its delivery is due again when the lease ends. */
  readonly onError: (error: unknown) => void;
}

/** Brings events to endpoints. */
export interface WebhookDeliveries {
  /** Makes deliveries of new events and takes what is due; called again and again by every worker. */
  work(): Promise<void>;
  /** Posts a test and says what became of it. */
  sendTest(webhook: Webhook): Promise<WebhookDelivery>;
  /** Ends: nothing new is begun, what runs is finished or its lease runs out. */
  drain(graceMs: number): Promise<void>;
}

export function createWebhookDelivery(options: WebhookDeliveryOptions): WebhookDeliveries {
  const { store, clock, secrets, keys, sender, onAttempt, onError } = options;
  const stop = new AbortController();
  const running = new Set<Promise<unknown>>();
  /** Posts under way by endpoint, and places that a claim under way may fill. */
  const taken = new Map<string, number>();
  /** Endpoints whose last claim came back full. */
  const hasMore = new Set<string>();
  let isDraining = false;

  const takenBy = (id: string): number => taken.get(id) ?? 0;
  const take = (id: string, count: number): void => {
    const next = takenBy(id) + count;
    if (next === 0) taken.delete(id);
    else taken.set(id, next);
  };

  const subjectOf = async ({ tenant, type, verificationId, messageId }: StoredEvent) => {
    const isMessage = type.startsWith("message.");
    const [verification, message] = await Promise.all([
      isMessage || verificationId === null ? null : store.readVerification(tenant, verificationId),
      isMessage && messageId !== null ? store.readMessage(tenant, messageId) : null,
    ]);
    return { verification, message };
  };

  const toDeliveries = async (
    { id: webhookId, tenant }: Webhook,
    events: readonly StoredEvent[],
  ): Promise<readonly WebhookDelivery[]> => {
    const now = clock.now();
    // In order, so that the log has the order of the events.
    const ids = events.map(() => toId("whd", now, secrets.randomBytes(ID_RANDOM_BYTES))).sort();
    const data = await Promise.all(events.map(async (event) => toWebhookData(event, await subjectOf(event))));
    return events.flatMap(({ seq, type, at }, index) => {
      const [id, said] = [ids[index], data[index]];
      if (id === undefined || said === undefined) return [];
      return {
        ...{ id, tenant, webhookId, seq, type, at, data: said },
        ...{ state: "pending", attempts: 0, round: 0, dueAt: now },
        ...{ responseStatus: null, durationMs: null, error: null, createdAt: now, updatedAt: now },
      };
    });
  };

  /** @param lastSeq told by the store before any of these events is read: what it says is settled */
  const fanOut = async (webhook: Webhook, lastSeq: number): Promise<void> => {
    let { afterSeq } = webhook;
    for (let batch = 0; batch < MAX_BATCHES && afterSeq < lastSeq && !isDraining; batch++) {
      const events = await store.listEvents(webhook.tenant, afterSeq, EVENTS_AT_ONCE);
      const newest = events.at(-1)?.seq ?? afterSeq;
      const toSeq = events.length < EVENTS_AT_ONCE ? Math.max(newest, lastSeq) : newest;
      const wanted = events.filter(({ type }) => wantsEvent(webhook, type));
      const deliveries = await toDeliveries(webhook, wanted);
      if (!(await store.fanOut({ webhook: { id: webhook.id, afterSeq }, toSeq, deliveries }))) return;
      afterSeq = toSeq;
    }
  };

  const post = async (webhook: Webhook, delivery: WebhookDelivery): Promise<WebhookResult> => {
    const now = clock.now();
    const signing = keys.secretsOf(webhook, now);
    // A secret that comes back lets its deliveries go on.
    if (signing.length === 0) return { status: null, error: "secret_missing", durationMs: 0 };
    return sender.send({ url: webhook.url, delivery, secrets: signing, now }, stop.signal);
  };

  const chance = (): number => {
    const [high = 0, low = 0] = secrets.randomBytes(2);
    return (high * 256 + low) / MAX_CHANCE;
  };

  /** Null when the process stopped in the middle, or somebody else has the delivery by now. */
  const attempt = async (webhook: Webhook, delivery: WebhookDelivery): Promise<WebhookDelivery | null> => {
    const result = await post(webhook, delivery);
    if (stop.signal.aborted) return null;
    onAttempt?.(result.error ?? "delivered");
    return store.settleDelivery(delivery, { result, chance: chance(), now: clock.now() });
  };

  const track = (work: Promise<unknown>): void => {
    running.add(work);
    work.finally(() => running.delete(work)).catch(onError);
  };

  /** Takes the place of a post; when half of an endpoint's places are free again and more is due, they are filled at once. */
  const begin = async (webhook: Webhook, delivery: WebhookDelivery): Promise<void> => {
    try {
      await attempt(webhook, delivery);
    } finally {
      take(webhook.id, -1);
      if (hasMore.has(webhook.id) && takenBy(webhook.id) * 2 <= PLACES_PER_WEBHOOK) claim([webhook]).catch(onError);
    }
  };

  /** Places for each endpoint, first for those that have fewest posts under way. */
  const findPlaces = (webhooks: readonly Webhook[]) => {
    let room = PLACES - [...taken.values()].reduce((sum, count) => sum + count, 0);
    return [...webhooks]
      .sort((a, b) => takenBy(a.id) - takenBy(b.id))
      .flatMap((webhook) => {
        const limit = Math.min(room, PLACES_PER_WEBHOOK - takenBy(webhook.id));
        if (limit <= 0) return [];
        room -= limit;
        return [{ webhook, id: webhook.id, limit }];
      });
  };

  const claim = async (webhooks: readonly Webhook[]): Promise<void> => {
    const places = isDraining ? [] : findPlaces(webhooks);
    if (places.length === 0) return;
    for (const { id, limit } of places) take(id, limit);
    try {
      const step = { webhooks: places.map(({ id, limit }) => ({ id, limit })), leaseMs: LEASE_MS, now: clock.now() };
      const claimed = await store.claimDeliveries(step);
      for (const { webhook, id, limit } of places) {
        const own = claimed.filter(({ webhookId }) => webhookId === id);
        if (own.length === limit) hasMore.add(id);
        else hasMore.delete(id);
        for (const delivery of own) {
          take(id, 1);
          track(begin(webhook, delivery));
        }
      }
    } finally {
      for (const { id, limit } of places) take(id, -limit);
    }
  };

  const toTest = (webhook: Webhook): WebhookDelivery => {
    const now = clock.now();
    const { id: webhookId, tenant } = webhook;
    return {
      ...{ id: toId("whd", now, secrets.randomBytes(ID_RANDOM_BYTES)), tenant, webhookId, seq: 0, type: TEST_EVENT },
      ...{ at: now, data: { id: webhookId, verificationId: null, messageId: null, channel: null, to: null } },
      ...{ state: "sending", attempts: 1, round: 1, dueAt: now + LEASE_MS },
      ...{ responseStatus: null, durationMs: null, error: null, createdAt: now, updatedAt: now },
    };
  };

  return {
    work: async () => {
      const webhooks = isDraining ? [] : await store.listEnabledWebhooks();
      if (webhooks.length === 0) return;
      const lastSeq = await store.lastSeq();
      for (const webhook of webhooks) await fanOut(webhook, lastSeq);
      await claim(webhooks);
    },
    sendTest: async (webhook) => {
      const test = toTest(webhook);
      await store.addDelivery(test);
      const sending = attempt(webhook, test);
      track(sending);
      return (await sending) ?? test;
    },
    drain: async (graceMs) => {
      isDraining = true;
      const timer = new AbortController();
      await Promise.race([Promise.allSettled(running), clock.sleep(graceMs, timer.signal)]);
      timer.abort(null);
      stop.abort();
      await Promise.allSettled(running);
    },
  };
}
