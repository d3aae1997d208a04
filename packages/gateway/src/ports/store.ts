import type { ContactStore } from "./contact-store.ts";
import type { EventStore } from "./event-store.ts";
import type { IdempotencyStore } from "./idempotency-store.ts";
import type { InboxStore } from "./inbox-store.ts";
import type { KeyStore } from "./key-store.ts";
import type { LimitStore } from "./limit-store.ts";
import type { MessageStore } from "./message-store.ts";
import type { OptOutStore } from "./opt-out-store.ts";
import type { PauseStore } from "./pause-store.ts";
import type { RetentionStore } from "./retention-store.ts";
import type { VerificationStore } from "./verification-store.ts";
import type { WebhookStore } from "./webhook-store.ts";

/**
 * Everything that is kept. One engine implements all of it, so that a step can cross ports in one commit.
 *
 * Every method resolves after its commit is durable, and throws `service_unavailable` when the engine cannot answer.
 */
export interface Store
  extends VerificationStore,
    MessageStore,
    IdempotencyStore,
    ContactStore,
    KeyStore,
    PauseStore,
    OptOutStore,
    EventStore,
    InboxStore,
    LimitStore,
    RetentionStore,
    WebhookStore {
  readonly engine: "sqlite" | "postgres";
  /** The engine's own time, epoch milliseconds, which all processes share; null when it has none. */
  readTime(): Promise<number | null>;
  /** Throws when the engine cannot commit. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
