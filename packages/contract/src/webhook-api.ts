/** Outgoing webhooks of the gateway API: endpoints, their deliveries, and what an endpoint reads. */
import { z } from "zod";
import { Channel, MessageState, VerificationStatus } from "./channels.ts";

const Instant = z.iso.datetime();

/** `verification`, `message`, or one type of event such as `message.delivered`. */
const EventPrefix = z.string().regex(/^(verification|message)(\.[a-z_]{1,40})?$/);
const events = z.array(EventPrefix).max(20);
const url = z.string().min(1).max(2048);
const description = z.string().max(200);

export const AddWebhook = z.strictObject({
  url,
  /** Which events are sent; all of them when absent or empty. */
  events: events.optional(),
  description: description.optional(),
});
export type AddWebhook = z.input<typeof AddWebhook>;

/** What is absent stays as it is. */
export const ChangeWebhook = z.strictObject({
  url: url.optional(),
  events: events.optional(),
  description: description.optional(),
  /** `true` begins with what happens from then on; deliveries that waited go on. */
  enabled: z.boolean().optional(),
});
export type ChangeWebhook = z.input<typeof ChangeWebhook>;

export const WEBHOOK_DISABLED_REASONS = ["operator", "gone", "failing"] as const;
export const WebhookDisabledReason = z.enum(WEBHOOK_DISABLED_REASONS);
export type WebhookDisabledReason = z.output<typeof WebhookDisabledReason>;

export const Webhook = z.object({
  id: z.string(),
  url: z.string(),
  /** Empty for all. */
  events: z.array(z.string()),
  description: z.string(),
  enabled: z.boolean(),
  disabledReason: WebhookDisabledReason.nullable(),
  disabledAt: Instant.nullable(),
  lastSuccessAt: Instant.nullable(),
  /** False when its secret comes from an `OTP_SECRET` that is not the current one: rotate it. */
  secretIsCurrent: z.boolean(),
  createdAt: Instant,
});
export type Webhook = z.output<typeof Webhook>;

/** The secret is shown when it is made, and never again. */
export const WebhookWithSecret = Webhook.extend({ secret: z.string() });
export type WebhookWithSecret = z.output<typeof WebhookWithSecret>;

export const WebhookList = z.object({ webhooks: z.array(Webhook) });
export type WebhookList = z.output<typeof WebhookList>;

export const WEBHOOK_DELIVERY_STATES = ["pending", "sending", "delivered", "failed"] as const;
export const WebhookDeliveryState = z.enum(WEBHOOK_DELIVERY_STATES);
export type WebhookDeliveryState = z.output<typeof WebhookDeliveryState>;

/** Why an attempt did not deliver. */
export const WEBHOOK_ERRORS = [
  "url_refused",
  "address_blocked",
  "name_unresolved",
  "connection_failed",
  "tls_failed",
  "timed_out",
  "redirected",
  "status_refused",
  "gone",
  "secret_missing",
] as const;
export const WebhookError = z.enum(WEBHOOK_ERRORS);
export type WebhookError = z.output<typeof WebhookError>;

export const WebhookDelivery = z.object({
  id: z.string(),
  webhookId: z.string(),
  /** Number of the event in the feed; null for a test. */
  eventId: z.int().nullable(),
  type: z.string(),
  state: WebhookDeliveryState,
  attempts: z.int(),
  /** Of the last attempt, as everything below. */
  responseStatus: z.int().nullable(),
  durationMs: z.int().nullable(),
  error: WebhookError.nullable(),
  nextAttemptAt: Instant.nullable(),
  createdAt: Instant,
  updatedAt: Instant,
});
export type WebhookDelivery = z.output<typeof WebhookDelivery>;

export const ListWebhookDeliveries = z.strictObject({
  state: WebhookDeliveryState.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** `next` of the page before. */
  cursor: z.string().max(64).optional(),
});
export type ListWebhookDeliveries = z.input<typeof ListWebhookDeliveries>;

export const WebhookDeliveryPage = z.object({ deliveries: z.array(WebhookDelivery), next: z.string().nullable() });
export type WebhookDeliveryPage = z.output<typeof WebhookDeliveryPage>;

/** What is posted to an endpoint: enough to know what to ask for, no code and no whole number. */
export const WebhookPayload = z.object({
  type: z.string(),
  timestamp: Instant,
  data: z.object({
    /** `ver_…` or `msg_…`: what the event is about; the id of the webhook for a test. */
    id: z.string(),
    verificationId: z.string().nullable(),
    messageId: z.string().nullable(),
    /** Of a verification, as the event left it. */
    status: VerificationStatus.optional(),
    /** Of a message, as the event left it. */
    state: MessageState.optional(),
    channel: Channel.nullable(),
    /** Masked; null when the address is not known any more. */
    to: z.string().nullable(),
    attempt: z.int().optional(),
    reason: z.string().optional(),
    errorCode: z.string().optional(),
    vendorCode: z.string().optional(),
  }),
});
export type WebhookPayload = z.output<typeof WebhookPayload>;
