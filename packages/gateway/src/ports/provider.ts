import type { Channel } from "@mestore/sms-gateway-contract";
import type { OutgoingMessage, Receipt, SendResult } from "../domain/delivery.ts";
import type { VendorError } from "../domain/vendor-error.ts";
import type { VoiceScript } from "../domain/voice-script.ts";

/** What `status` and `doctor` say of a provider's account. */
export interface AccountCheck {
  readonly ok: boolean;
  /** One line for an operator, in English; no secret. */
  readonly detail: string;
}

/** A request of a vendor to us, before anybody believed a word of it. */
export interface Callback {
  /** As the vendor was given it, under `PUBLIC_URL`, and the query that it added; never what `Host` says. */
  readonly url: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Byte for byte. */
  readonly body: string;
}

/** What a vendor reports. */
export type Reported =
  | {
      readonly kind: "receipt";
      /** Null where the vendor does not repeat its id. */
      readonly providerMessageId: string | null;
      readonly receipt: Receipt;
    }
  /** Genuine, and nothing that moves a message. */
  | { readonly kind: "nothing" }
  /** No signature, or a wrong one; or somebody else's account. */
  | { readonly kind: "forged" }
  /** Not what the vendor's contract says. */
  | { readonly kind: "malformed" };

/** What a vendor is answered, in its own language. */
export interface VendorDocument {
  /** Media type. */
  readonly type: string;
  readonly body: string;
}

/** What a person wrote to one of our senders. */
export type InboundReported =
  | { readonly kind: "message"; readonly from: string; readonly text: string }
  | { readonly kind: "nothing" }
  | { readonly kind: "forged" }
  | { readonly kind: "malformed" };

/** One way of sending one channel. */
export interface Provider {
  readonly id: string;
  readonly channel: Channel;
  /** True when nothing leaves this machine. */
  readonly simulated: boolean;
  /** Sends once. Never throws: every failure is an outcome, and what may have left is `unknown`. */
  send(message: OutgoingMessage, signal: AbortSignal): Promise<SendResult>;
  /**
   * Why it certainly cannot reach a destination, for an operator, in English; null when it may. A sender that cannot
   * exist in a country is such a reason.
   */
  problemWith?(destination: { readonly to: string; readonly country: string | null }): string | null;
  /** Reads a delivery receipt that the vendor posted; absent where the vendor posts none. */
  readReceipt?(callback: Callback): Promise<Reported>;
  /**
   * Answers a vendor that asks what to say in a call; absent where it is told beforehand. Null when the request is not
   * the vendor's: nothing was composed then.
   */
  writeScript?(callback: Callback, compose: () => Promise<VoiceScript>): Promise<VendorDocument | null>;
  /** Reads a message that a person wrote to us; absent where the vendor brings none. */
  readInbound?(callback: Callback): Promise<InboundReported>;
  /** What an error of the vendor means; null when this version does not know it. */
  explain?(vendorCode: string): VendorError | null;
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
