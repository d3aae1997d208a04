import type { Channel, Lane, MessageState } from "@mestore/sms-gateway-contract";
import type { Locale } from "@mestore/sms-gateway-contract/errors";
import type { Receipt, RejectionCode, SendResult } from "../domain/delivery.ts";
import type { Charge, Refusal } from "../domain/limits.ts";
import type { IdempotentAnswer } from "./idempotency-store.ts";

export interface NewMessage {
  readonly id: string;
  readonly tenant: string;
  readonly lane: Lane;
  readonly channel: Channel;
  readonly to: string;
  readonly locale: Locale;
  /** Two letters for a phone, null for e-mail: what `pause --country` speaks of. */
  readonly country: string | null;
  readonly category: string;
  readonly template: string | null;
  /** Null for an OTP: its text is rendered when it is sent. */
  readonly text: string | null;
  readonly userName: string | null;
  readonly segments: number | null;
  readonly provider: string;
  readonly deliverBefore: number;
  readonly leaseUntil: number;
}

export interface StoredMessage extends Omit<NewMessage, "leaseUntil"> {
  readonly verificationId: string | null;
  readonly state: MessageState;
  readonly errorCode: RejectionCode | null;
  readonly providerMessageId: string | null;
  /** Attempts begun; also the fence: a completion for an older attempt is refused. */
  readonly attempts: number;
  readonly unknownAttempts: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface EnqueueStep {
  readonly message: NewMessage;
  readonly charges: readonly Charge[];
  readonly idempotency?: { readonly key: string; readonly answer: IdempotentAnswer };
  readonly now: number;
}

export type EnqueueOutcome = { readonly kind: "enqueued" } | { readonly kind: "refused"; readonly refusal: Refusal };

export interface ClaimStep {
  readonly lanes: readonly { readonly lane: Lane; readonly exceptCountries: readonly string[] }[];
  readonly limit: number;
  readonly leaseMs: number;
  readonly now: number;
}

export interface MessageFilter {
  readonly to?: string;
  readonly state?: MessageState;
  readonly limit: number;
  /** Id of the last message of the page before. */
  readonly before?: string;
}

export interface QueueState {
  readonly depth: number;
  readonly oldestAt: number | null;
}

export interface MessageStore {
  /** Charges and inserts a notification in one commit; workers take it from there. */
  enqueueMessage(step: EnqueueStep): Promise<EnqueueOutcome>;
  /** Leases messages that are due, OTP first, and begins an attempt of each. Past their deadline they become `expired`. */
  claimMessages(step: ClaimStep): Promise<readonly StoredMessage[]>;
  /**
   * Ends the running attempt of a message.
   *
   * @param message as it was when the attempt began; its `attempts` is the fence
   * @returns null when that attempt is not the running one any more
   */
  settleAttempt(message: StoredMessage, result: SendResult, now: number): Promise<StoredMessage | null>;
  /** Moves a message forward, never back. Null when it did not move. */
  applyReceipt(id: string, receipt: Receipt, now: number): Promise<StoredMessage | null>;
  readMessage(tenant: string, id: string): Promise<StoredMessage | null>;
  listMessages(tenant: string, filter: MessageFilter): Promise<readonly StoredMessage[]>;
  readQueue(): Promise<QueueState>;
}
