import { AppError } from "../domain/app-error.ts";
import { ID_RANDOM_BYTES, toId } from "../domain/id.ts";
import { PREVIOUS_KEY_MS, type Webhook, type WebhookDelivery } from "../domain/webhook.ts";
import { parseWebhookUrl, type WebhookUrlPolicy } from "../domain/webhook-url.ts";
import type { Clock } from "../ports/clock.ts";
import type { EventStore } from "../ports/event-store.ts";
import type { Secrets } from "../ports/secrets.ts";
import type { DeliveryFilter, WebhookStore } from "../ports/webhook-store.ts";
import type { WebhookKeys } from "./webhook-keys.ts";

/** Each one is a post for each event. */
const MAX_PER_TENANT = 20;

export interface NewWebhook {
  readonly url: string;
  /** Beginnings of event types; empty for all. */
  readonly events: readonly string[];
  readonly description: string;
}

export interface WebhookChange extends Partial<NewWebhook> {
  readonly enabled?: boolean;
}

/** An endpoint with its secret, which is shown this once. */
export interface Shown {
  readonly webhook: Webhook;
  readonly secret: string;
}

/** What operators do with endpoints. Each method throws `not_found` for an endpoint that the tenant does not have. */
export interface Webhooks {
  /** @throws {AppError} `fields_invalid` for a URL that may not be reached, and for one endpoint too many */
  add(tenant: string, webhook: NewWebhook): Promise<Shown>;
  list(tenant: string): Promise<readonly Webhook[]>;
  /** @throws {AppError} `fields_invalid` */
  change(tenant: string, id: string, change: WebhookChange): Promise<Webhook>;
  remove(tenant: string, id: string): Promise<void>;
  /** Makes another secret; the one before signs too for a day. */
  rotate(tenant: string, id: string): Promise<Shown>;
  /** Posts a test at once, also to an endpoint that is switched off, and says what became of it. */
  test(tenant: string, id: string): Promise<WebhookDelivery>;
  deliveries(tenant: string, id: string, filter: DeliveryFilter): Promise<readonly WebhookDelivery[]>;
  replay(tenant: string, deliveryId: string): Promise<WebhookDelivery>;
  /** False when the secret comes from an `OTP_SECRET` that was rotated since. */
  secretIsCurrent(webhook: Webhook): boolean;
}

export interface WebhooksOptions {
  readonly store: WebhookStore & Pick<EventStore, "lastSeq">;
  readonly clock: Clock;
  readonly secrets: Secrets;
  readonly keys: WebhookKeys;
  readonly policy: WebhookUrlPolicy;
  readonly sendTest: (webhook: Webhook) => Promise<WebhookDelivery>;
}

const found = <Value>(value: Value | null): Value => {
  if (value === null) throw new AppError("not_found");
  return value;
};

export function createWebhooks({ store, clock, secrets, keys, policy, sendTest }: WebhooksOptions): Webhooks {
  const show = (webhook: Webhook): Shown => {
    const secret = keys.secretOf(webhook.id, webhook.key);
    if (secret === null) throw new Error("a fresh key comes from the current secret");
    return { webhook, secret };
  };
  const read = async (tenant: string, id: string): Promise<Webhook> => found(await store.readWebhook(tenant, id));

  const assertRoom = async (tenant: string): Promise<void> => {
    if ((await store.listWebhooks(tenant)).length < MAX_PER_TENANT) return;
    const problem = {
      es: `ya hay ${MAX_PER_TENANT} webhooks; quite uno primero`,
      en: `there are ${MAX_PER_TENANT} webhooks already; remove one first`,
    };
    throw new AppError("fields_invalid", { problem });
  };

  /** What is switched on begins with what happens from then on: nobody wants the events of a week at once. */
  const withEnabled = (
    webhook: Webhook,
    enabled: boolean,
    { now, lastSeq }: { now: number; lastSeq: number },
  ): Webhook => {
    if (enabled === (webhook.disabledAt === null)) return webhook;
    return enabled
      ? { ...webhook, disabledAt: null, disabledReason: null, afterSeq: Math.max(webhook.afterSeq, lastSeq) }
      : { ...webhook, disabledAt: now, disabledReason: "operator" };
  };

  return {
    add: async (tenant, { url, events, description }) => {
      const { href } = parseWebhookUrl(url, policy);
      await assertRoom(tenant);
      const now = clock.now();
      const webhook: Webhook = {
        id: toId("whk", now, secrets.randomBytes(ID_RANDOM_BYTES)),
        tenant,
        url: href,
        events: [...new Set(events)],
        description,
        key: keys.fresh(),
        previousKey: null,
        disabledAt: null,
        disabledReason: null,
        lastSuccessAt: null,
        afterSeq: await store.lastSeq(),
        createdAt: now,
      };
      await store.addWebhook(webhook);
      return show(webhook);
    },
    list: (tenant) => store.listWebhooks(tenant),
    change: async (tenant, id, { url, events, description, enabled }) => {
      const href = url === undefined ? undefined : parseWebhookUrl(url, policy).href;
      const moment = { now: clock.now(), lastSeq: enabled === true ? await store.lastSeq() : 0 };
      const apply = (webhook: Webhook): Webhook => {
        const changed = {
          ...webhook,
          url: href ?? webhook.url,
          events: events === undefined ? webhook.events : [...new Set(events)],
          description: description ?? webhook.description,
        };
        return enabled === undefined ? changed : withEnabled(changed, enabled, moment);
      };
      return found(await store.changeWebhook(tenant, id, apply));
    },
    remove: async (tenant, id) => {
      if (!(await store.removeWebhook(tenant, id))) throw new AppError("not_found");
    },
    rotate: async (tenant, id) => {
      const key = keys.fresh();
      const until = clock.now() + PREVIOUS_KEY_MS;
      const apply = (webhook: Webhook): Webhook => ({ ...webhook, key, previousKey: { ...webhook.key, until } });
      return show(found(await store.changeWebhook(tenant, id, apply)));
    },
    test: async (tenant, id) => sendTest(await read(tenant, id)),
    deliveries: async (tenant, id, filter) => {
      await read(tenant, id);
      return store.listDeliveries(tenant, id, filter);
    },
    replay: async (tenant, deliveryId) => {
      const delivery = found(await store.replayDelivery(tenant, deliveryId, clock.now()));
      // The log outlives its endpoint; nobody would send it.
      await read(tenant, delivery.webhookId);
      return delivery;
    },
    secretIsCurrent: ({ key }) => keys.isCurrent(key),
  };
}
