import type { WebhookDeliveryState } from "@mestore/sms-gateway-contract";
import type { Attempted, Webhook, WebhookDelivery } from "../domain/webhook.ts";

/** Makes deliveries of the events that an endpoint has not been told yet. */
export interface FanOutStep {
  /** As it was read; its `afterSeq` is the fence: of two workers one comes through. */
  readonly webhook: Pick<Webhook, "id" | "afterSeq">;
  readonly toSeq: number;
  /** Pending, in the order of their events. */
  readonly deliveries: readonly WebhookDelivery[];
}

export interface ClaimDeliveriesStep {
  readonly webhooks: readonly { readonly id: string /** Deliveries at the most. */; readonly limit: number }[];
  readonly leaseMs: number;
  readonly now: number;
}

export interface DeliveryFilter {
  readonly state?: WebhookDeliveryState;
  readonly limit: number;
  /** Id of the last delivery of the page before. */
  readonly before?: string;
}

export interface WebhookStore {
  addWebhook(webhook: Webhook): Promise<void>;
  /** Oldest first. */
  listWebhooks(tenant: string): Promise<readonly Webhook[]>;
  readWebhook(tenant: string, id: string): Promise<Webhook | null>;
  /**
   * Replaces an endpoint by what `change` makes of it; null when there is none.
   *
   * @param change has no effect, since it may run more than once
   */
  changeWebhook(tenant: string, id: string, change: (webhook: Webhook) => Webhook): Promise<Webhook | null>;
  /** False when there was none. What is left of its log goes with the retention. */
  removeWebhook(tenant: string, id: string): Promise<boolean>;

  /** The enabled ones of all tenants. */
  listEnabledWebhooks(): Promise<readonly Webhook[]>;
  /** Deliveries and cursor in one commit; false when another worker was faster, or the endpoint was switched off. */
  fanOut(step: FanOutStep): Promise<boolean>;
  /** Adds one delivery by itself: a test, whose first attempt has begun. */
  addDelivery(delivery: WebhookDelivery): Promise<void>;
  /** Leases deliveries that are due, in the order of their events, and begins an attempt of each. */
  claimDeliveries(step: ClaimDeliveriesStep): Promise<readonly WebhookDelivery[]>;
  /**
   * Ends the running attempt, and switches the endpoint off where that follows, in one commit.
   *
   * @param delivery as it was when the attempt began; its `attempts` is the fence
   * @returns null when that attempt is not the running one any more
   */
  settleDelivery(delivery: WebhookDelivery, attempted: Attempted): Promise<WebhookDelivery | null>;
  /** Begins a delivery again, unless an attempt runs: then it is as it was. Null when there is none. */
  replayDelivery(tenant: string, id: string, now: number): Promise<WebhookDelivery | null>;
  /** Newest first. */
  listDeliveries(tenant: string, webhookId: string, filter: DeliveryFilter): Promise<readonly WebhookDelivery[]>;
}
