import type { Channel } from "@mestore/sms-gateway-contract";
import type { Locale } from "@mestore/sms-gateway-contract/errors";
import { AppError } from "../domain/app-error.ts";
import { ID_RANDOM_BYTES, toId } from "../domain/id.ts";
import { toRetryAfterSeconds } from "../domain/limits.ts";
import type { NewMessage, StoredMessage } from "../domain/message.ts";
import { measureText } from "../domain/segments.ts";
import { renderNotification } from "../domain/templates.ts";
import type { Clock } from "../ports/clock.ts";
import type { EventStore, StoredEvent } from "../ports/event-store.ts";
import type { EnqueueStep, MessageFilter, MessageStore } from "../ports/message-store.ts";
import type { Secrets } from "../ports/secrets.ts";
import type { Delivery } from "./delivery.ts";
import type { Limits } from "./limits.ts";
import type { ReadRecipient } from "./recipients.ts";
import type { Router } from "./router.ts";
import type { Switchboard } from "./switchboard.ts";

/** A notification that could not go out within a day is of no use. */
const LIFE_MS = 24 * 3_600_000;

export interface NotificationRequest {
  readonly tenant: string;
  readonly channel: Channel;
  /** As a person typed it. */
  readonly to: string;
  readonly category: string;
  readonly locale: Locale;
  readonly content:
    | { readonly text: string }
    | { readonly template: string; readonly variables: Readonly<Record<string, string>> };
  readonly idempotency?: {
    readonly key: string;
    readonly answer: (message: StoredMessage) => NonNullable<EnqueueStep["idempotency"]>["answer"];
  };
}

export interface Notifications {
  /**
   * Puts a message into the outbox.
   *
   * @throws {AppError} `sms_disabled`, `email_disabled`, `channel_unavailable`, `opted_out`, `rate_limited`, `fields_invalid`, those of `ReadRecipient`
   */
  send(request: NotificationRequest): Promise<StoredMessage>;
  /** @throws {AppError} `not_found` */
  read(tenant: string, id: string): Promise<{ message: StoredMessage; timeline: readonly StoredEvent[] }>;
  list(tenant: string, filter: MessageFilter): Promise<readonly StoredMessage[]>;
}

export interface NotificationsOptions {
  readonly store: MessageStore & EventStore;
  readonly clock: Clock;
  readonly secrets: Secrets;
  readonly limits: Limits;
  readonly delivery: Delivery;
  readonly switchboard: Switchboard;
  readonly readRecipient: ReadRecipient;
  readonly brand: string;
  readonly router: Router;
}

export function createNotifications(options: NotificationsOptions): Notifications {
  const { store, clock, secrets, limits, delivery, switchboard, readRecipient, router, brand } = options;

  const toText = ({ content, locale }: NotificationRequest): string =>
    "text" in content
      ? content.text
      : renderNotification({ name: content.template, variables: content.variables, locale, brand });

  return {
    send: async (request) => {
      const { tenant, channel, locale, category, content, idempotency } = request;
      const { address, country } = readRecipient(channel, request.to);
      switchboard.assertOpen({ channel, lane: "notification", country });
      const text = toText(request);
      const now = clock.now();
      const message: NewMessage = {
        id: toId("msg", now, secrets.randomBytes(ID_RANDOM_BYTES)),
        tenant,
        lane: "notification",
        channel,
        to: address.value,
        locale,
        country,
        category,
        template: "template" in content ? content.template : null,
        text,
        userName: null,
        segments: channel === "sms" ? measureText(text).segments : null,
        provider: router.choose({ channel, to: address.value, country }),
        deliverBefore: now + LIFE_MS,
        leaseUntil: now,
      };
      const stored: StoredMessage = {
        ...message,
        verificationId: null,
        state: "queued",
        errorCode: null,
        providerMessageId: null,
        attempts: 0,
        tried: [],
        unknownAttempts: 0,
        createdAt: now,
        updatedAt: now,
      };
      const send = { id: message.id, lane: "notification", channel, address, tenant, subject: "", now } as const;
      const outcome = await limits.admit(send, (charges) =>
        store.enqueueMessage({
          message,
          charges,
          ...(idempotency === undefined
            ? {}
            : { idempotency: { key: idempotency.key, answer: idempotency.answer(stored) } }),
          now,
        }),
      );
      if (outcome.kind === "opted_out") throw new AppError("opted_out");
      if (outcome.kind === "refused") {
        throw new AppError(outcome.refusal.code, {
          retryAfterSeconds: toRetryAfterSeconds(outcome.refusal.retryAfterMs),
        });
      }
      delivery.wake();
      return stored;
    },
    read: async (tenant, id) => {
      const message = await store.readMessage(tenant, id);
      if (message === null) throw new AppError("not_found");
      return { message, timeline: await store.messageTimeline(tenant, id) };
    },
    list: (tenant, filter) => store.listMessages(tenant, filter),
  };
}
