import type { Channel, Lane, MessageState } from "@mestore/sms-gateway-contract";
import type { Locale } from "@mestore/sms-gateway-contract/errors";
import type { RejectionCode } from "./delivery.ts";

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
  /** Who is called, was called last, or is called next. */
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
  /** The provider of each attempt, in order. */
  readonly tried: readonly string[];
  readonly unknownAttempts: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}
