import type {
  Contact as ContactBody,
  GatewayEvent,
  InboxMessage,
  Message,
  NumberLimits,
  Pause as PauseBody,
  TimelineEntry,
  Verification as VerificationBody,
  Webhook as WebhookBody,
  WebhookDelivery as WebhookDeliveryBody,
} from "@mestore/sms-gateway-contract";
import type { Contact } from "../domain/contact.ts";
import type { StoredMessage } from "../domain/message.ts";
import { measureText } from "../domain/segments.ts";
import { statusAt, type Verification } from "../domain/verification.ts";
import type { Webhook, WebhookDelivery } from "../domain/webhook.ts";
import type { StoredEvent } from "../ports/event-store.ts";
import type { InboxEntry } from "../ports/inbox-store.ts";
import type { Pause } from "../ports/pause-store.ts";
import type { NumberState } from "../services/limits.ts";

/** Inside, instants are epoch milliseconds; on the wire, ISO 8601 in UTC. */
export const toInstant = (at: number): string => new Date(at).toISOString();
export const toInstantOrNull = (at: number | null): string | null => (at === null ? null : toInstant(at));

export const toVerificationBody = (v: Verification, now: number): VerificationBody => ({
  id: v.id,
  status: statusAt(v, now),
  to: v.address.value,
  channel: v.channel,
  purpose: v.purpose,
  subject: v.subject === "" ? null : v.subject,
  locale: v.locale,
  sends: v.sends,
  attemptsRemaining: Math.max(0, v.maxAttempts - v.attempts),
  createdAt: toInstant(v.createdAt),
  expiresAt: toInstant(v.expiresAt),
  endedAt: toInstantOrNull(v.endedAt),
});

export const toMessageBody = (m: StoredMessage): Message => ({
  id: m.id,
  lane: m.lane,
  channel: m.channel,
  to: m.to,
  state: m.state,
  errorCode: m.errorCode,
  template: m.template,
  category: m.category,
  verificationId: m.verificationId,
  provider: m.provider,
  attempts: m.attempts,
  segments: m.segments,
  createdAt: toInstant(m.createdAt),
  updatedAt: toInstant(m.updatedAt),
});

export const toTimeline = (events: readonly StoredEvent[]): TimelineEntry[] =>
  events.map(({ at, type, messageId, data }) => ({ at: toInstant(at), type, messageId, data: { ...data } }));

export const toEventBody = (e: StoredEvent): GatewayEvent => ({
  id: e.seq,
  at: toInstant(e.at),
  type: e.type,
  verificationId: e.verificationId,
  messageId: e.messageId,
  data: { ...e.data },
});

export const toContactBody = (c: Contact): ContactBody => ({
  sub: c.sub,
  phone: c.phone,
  email: c.email,
  name: c.name,
  phoneVerified: c.phoneVerifiedAt !== null,
  emailVerified: c.emailVerifiedAt !== null,
  updatedAt: toInstant(c.updatedAt),
});

export const toWebhookBody = (w: Webhook, secretIsCurrent: boolean): WebhookBody => ({
  id: w.id,
  url: w.url,
  events: [...w.events],
  description: w.description,
  enabled: w.disabledAt === null,
  disabledReason: w.disabledReason,
  disabledAt: toInstantOrNull(w.disabledAt),
  lastSuccessAt: toInstantOrNull(w.lastSuccessAt),
  secretIsCurrent,
  createdAt: toInstant(w.createdAt),
});

export const toWebhookDeliveryBody = (d: WebhookDelivery): WebhookDeliveryBody => ({
  id: d.id,
  webhookId: d.webhookId,
  eventId: d.seq === 0 ? null : d.seq,
  type: d.type,
  state: d.state,
  attempts: d.attempts,
  responseStatus: d.responseStatus,
  durationMs: d.durationMs,
  error: d.error,
  nextAttemptAt: toInstantOrNull(d.state === "pending" ? d.dueAt : null),
  createdAt: toInstant(d.createdAt),
  updatedAt: toInstant(d.updatedAt),
});

export const toPauseBody = ({ lane, country, since }: Pause): PauseBody => ({ lane, country, since: toInstant(since) });

/** A full window or the wait after wrong guesses; the cool-down between two sends is not a block. */
export const isNumberBlocked = ({ windows, failedGuesses }: NumberState): boolean =>
  windows.some(({ remaining }) => remaining === 0) || failedGuesses.retryAfterSeconds > 0;

export const toLimitsBody = (phone: string, state: NumberState): NumberLimits => ({
  phone,
  blocked: isNumberBlocked(state),
  retryAfterSeconds: Math.max(state.retryAfterSeconds, state.failedGuesses.retryAfterSeconds),
  windows: state.windows.map(({ resetAt, ...window }) => ({ ...window, resetAt: toInstantOrNull(resetAt) })),
  failedGuesses: { ...state.failedGuesses },
});

export const toInboxBody = (entry: InboxEntry): InboxMessage => {
  const measure = entry.channel === "sms" ? measureText(entry.text) : null;
  return {
    id: entry.id,
    seq: entry.seq,
    messageId: entry.messageId,
    channel: entry.channel,
    to: entry.to,
    subject: entry.subject,
    text: entry.text,
    html: entry.html,
    code: entry.code,
    state: entry.state,
    at: toInstant(entry.at),
    encoding: measure?.encoding ?? null,
    segments: measure?.segments ?? null,
  };
};
