import type { Channel } from "@mestore/sms-gateway-contract";
import type { OutgoingMessage, Receipt, SendResult } from "../domain/delivery.ts";

/** What `status` and `doctor` say of a provider's account. */
export interface AccountCheck {
  readonly ok: boolean;
  /** One line for an operator, in English; no secret. */
  readonly detail: string;
}

/** One way of sending one channel. */
export interface Provider {
  readonly id: string;
  readonly channel: Channel;
  /** True when nothing leaves this machine. */
  readonly simulated: boolean;
  /** Sends once. Never throws: every failure is an outcome, and what may have left is `unknown`. */
  send(message: OutgoingMessage, signal: AbortSignal): Promise<SendResult>;
  /** Asks the vendor whether the account works. */
  check(signal: AbortSignal): Promise<AccountCheck>;
  close?(): Promise<void>;
}

export interface ProviderHealth {
  readonly breaker: "closed" | "open" | "half_open";
  readonly lastSuccessAt: number | null;
  /** Outcome and vendor code of the last failure. */
  readonly lastError: string | null;
}

/** A provider behind its timeout, breaker and bulkhead. */
export interface GuardedProvider extends Provider {
  health(): ProviderHealth;
}

/** Where a provider hands the receipts that reach it by itself. */
export type ReceiveReceipt = (messageId: string, receipt: Receipt) => void;
