import type {
  WebhookDeliveryState,
  WebhookDisabledReason,
  WebhookError,
  WebhookPayload,
} from "@mestore/sms-gateway-contract";
import type { NewEvent } from "./event.ts";

/** What a secret of an endpoint is derived from; without `OTP_SECRET` it gives nothing away. */
export interface WebhookKey {
  /** 128 random bits as base64url. */
  readonly salt: string;
  /** Which `OTP_SECRET` derives the secret. */
  readonly kid: string;
}

/** An endpoint that an operator registered. */
export interface Webhook {
  readonly id: string;
  readonly tenant: string;
  readonly url: string;
  /** Beginnings of event types; empty for all. */
  readonly events: readonly string[];
  readonly description: string;
  readonly key: WebhookKey;
  /** Still signs beside the new one until then, after a rotation. */
  readonly previousKey: (WebhookKey & { readonly until: number }) | null;
  readonly disabledAt: number | null;
  readonly disabledReason: WebhookDisabledReason | null;
  /** To the minute: it is not written for each success. */
  readonly lastSuccessAt: number | null;
  /** Events up to this one have become deliveries. */
  readonly afterSeq: number;
  readonly createdAt: number;
}

/** One event on its way to one endpoint. */
export interface WebhookDelivery {
  /** The `webhook-id` of every attempt. */
  readonly id: string;
  readonly tenant: string;
  readonly webhookId: string;
  /** Number of the event; 0 for a test. */
  readonly seq: number;
  readonly type: string;
  /** When it happened. */
  readonly at: number;
  readonly data: WebhookPayload["data"];
  readonly state: WebhookDeliveryState;
  /** Attempts begun, and the fence: a conclusion for another number is refused. */
  readonly attempts: number;
  /** Attempts begun since the delivery or its last replay began; chooses the next wait. */
  readonly round: number;
  /** "Not before" while pending, end of the lease while sending, else null. */
  readonly dueAt: number | null;
  readonly responseStatus: number | null;
  readonly durationMs: number | null;
  readonly error: WebhookError | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** What one attempt came to. */
export interface WebhookResult {
  /** Null when there was no answer. */
  readonly status: number | null;
  /** Null when it was delivered. */
  readonly error: WebhookError | null;
  readonly durationMs: number;
}

export const TEST_EVENT = "webhook.test";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/**
 * Waits after each failed attempt; with the first one at once, ten attempts in a little more than three days.
 *
 * @see https://www.standardwebhooks.com (the schedule of the specification)
 */
export const RETRY_DELAYS_MS: readonly number[] = [
  5 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
];
/** So that what failed together does not come back together. */
const JITTER = 0.2;

/** A rotated secret goes on signing for so long: receivers have a day to take the new one. */
export const PREVIOUS_KEY_MS = 24 * HOUR_MS;

const SUCCESS_NOTED_EVERY_MS = MINUTE_MS;

/** Tells whether an endpoint asked for events of a type. */
export const wantsEvent = ({ events }: Pick<Webhook, "events">, type: string): boolean => {
  if (!/^(verification|message)\./.test(type)) return false;
  return events.length === 0 || events.some((prefix) => type === prefix || type.startsWith(`${prefix}.`));
};

export interface Attempted {
  readonly result: WebhookResult;
  /** 0 to 1, random: where in the spread of the next wait it falls. */
  readonly chance: number;
  readonly now: number;
}

/** What a step makes of a delivery, and what follows for its endpoint. */
export interface DeliveryMove {
  readonly delivery: WebhookDelivery;
  /** Worth writing into the row of the endpoint. */
  readonly isNewSuccess: boolean;
  /** Why the endpoint is switched off, unless it already is. */
  readonly disables: Exclude<WebhookDisabledReason, "operator"> | null;
}

const waitAfter = (round: number, chance: number): number | null => {
  const delay = RETRY_DELAYS_MS[round - 1];
  return delay === undefined ? null : Math.round(delay * (1 - JITTER / 2 + JITTER * chance));
};

/** Ends the running attempt of a delivery: delivered, once more later, or given up. */
export function concludeDelivery(
  delivery: WebhookDelivery,
  { lastSuccessAt }: Pick<Webhook, "lastSuccessAt">,
  { result, chance, now }: Attempted,
): DeliveryMove {
  const { error, status: responseStatus, durationMs } = result;
  const attempted = { ...delivery, responseStatus, durationMs, error, updatedAt: now };
  const end = (state: "delivered" | "failed") => ({ ...attempted, state, dueAt: null });
  if (error === null) {
    const isNewSuccess = lastSuccessAt === null || lastSuccessAt + SUCCESS_NOTED_EVERY_MS <= now;
    return { delivery: end("delivered"), isNewSuccess, disables: null };
  }
  const failed = { isNewSuccess: false, disables: null };
  if (delivery.type === TEST_EVENT) return { ...failed, delivery: end("failed") };
  if (error === "gone") return { ...failed, delivery: end("failed"), disables: "gone" };
  const waitMs = waitAfter(delivery.round, chance);
  if (waitMs !== null) return { ...failed, delivery: { ...attempted, state: "pending", dueAt: now + waitMs } };
  // One event that an endpoint cannot digest is not an endpoint that is gone.
  const isSilent = lastSuccessAt === null || lastSuccessAt < delivery.createdAt;
  return { ...failed, delivery: end("failed"), disables: isSilent ? "failing" : null };
}

/** Says in the feed that an endpoint was switched off by itself; its URL may hold a secret and is not said. */
export const disabledEvent = ({ tenant, webhookId, id }: WebhookDelivery, reason: string, now: number): NewEvent => ({
  at: now,
  tenant,
  type: "webhook.disabled",
  entityId: webhookId,
  data: { webhookId, reason, deliveryId: id },
});
