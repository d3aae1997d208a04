import type { Lane, MessageState } from "@mestore/sms-gateway-contract";
import type { Conclusion } from "../domain/attempt.ts";
import type { Receipt } from "../domain/delivery.ts";
import type { IdempotentAnswer } from "../domain/idempotency.ts";
import type { Charge, Refusal } from "../domain/limits.ts";
import type { NewMessage, StoredMessage } from "../domain/message.ts";

export interface EnqueueStep {
  readonly message: NewMessage;
  readonly charges: readonly Charge[];
  readonly idempotency?: { readonly key: string; readonly answer: IdempotentAnswer };
  readonly now: number;
}

export type EnqueueOutcome =
  | { readonly kind: "enqueued" }
  /** The person wants no messages of this category. */
  | { readonly kind: "opted_out" }
  | { readonly kind: "refused"; readonly refusal: Refusal };

export interface ClaimStep {
  readonly lanes: readonly {
    readonly lane: Lane;
    readonly exceptCountries: readonly string[];
    /** Messages of this lane at the most. */
    readonly limit: number;
  }[];
  readonly leaseMs: number;
  readonly now: number;
}

export interface Claimed {
  /** Leased to this process, an attempt of each begun. */
  readonly begun: readonly StoredMessage[];
  /** Ended instead: past their deadline, no longer wanted, or lost with the process that sent them. */
  readonly ended: readonly StoredMessage[];
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
  claimMessages(step: ClaimStep): Promise<Claimed>;
  /**
   * Ends the running attempt of a message.
   *
   * @param message as it was when the attempt began; its `attempts` is the fence
   * @returns null when that attempt is not the running one any more
   */
  settleAttempt(message: StoredMessage, conclusion: Conclusion): Promise<StoredMessage | null>;
  /**
   * Takes one message that is due, as `claimMessages` would.
   *
   * @returns null when somebody else has it, or it is not due
   */
  claimMessage(id: string, step: Pick<ClaimStep, "leaseMs" | "now">): Promise<StoredMessage | null>;
  /** Moves a message forward, never back. Null when it did not move. */
  applyReceipt(id: string, receipt: Receipt, now: number): Promise<StoredMessage | null>;
  readMessage(tenant: string, id: string): Promise<StoredMessage | null>;
  listMessages(tenant: string, filter: MessageFilter): Promise<readonly StoredMessage[]>;
  readQueue(): Promise<QueueState>;
}
