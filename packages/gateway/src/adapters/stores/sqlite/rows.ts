import type { Channel, FallbackChannel, Lane, MessageState, VerificationStatus } from "@mestore/sms-gateway-contract";
import type { Locale } from "@mestore/sms-gateway-contract/errors";
import type { RejectionCode } from "../../../domain/delivery.ts";
import type { StoredMessage } from "../../../domain/message.ts";
import type { AddressKind, Verification } from "../../../domain/verification.ts";

export interface VerificationRow {
  readonly id: string;
  readonly tenant: string;
  readonly purpose: string;
  readonly subject: string;
  readonly address_kind: AddressKind;
  readonly address: string;
  readonly channel: Channel;
  readonly status: VerificationStatus;
  readonly salt: Uint8Array;
  readonly kid: string;
  readonly code_length: number;
  readonly attempts: number;
  readonly max_attempts: number;
  readonly sends: number;
  readonly locale: Locale;
  readonly last_message_id: string;
  /** With commas between them. */
  readonly fallback: string;
  readonly fallback_at: number | null;
  readonly created_at: number;
  readonly expires_at: number;
  readonly ended_at: number | null;
}

export const toVerification = (row: VerificationRow): Verification => ({
  id: row.id,
  tenant: row.tenant,
  purpose: row.purpose,
  subject: row.subject,
  address: { kind: row.address_kind, value: row.address },
  channel: row.channel,
  status: row.status,
  salt: row.salt,
  kid: row.kid,
  codeLength: row.code_length,
  attempts: row.attempts,
  maxAttempts: row.max_attempts,
  sends: row.sends,
  locale: row.locale,
  fallback: row.fallback === "" ? [] : (row.fallback.split(",") as FallbackChannel[]),
  lastMessageId: row.last_message_id,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  endedAt: row.ended_at,
});

export interface MessageRow {
  readonly id: string;
  readonly tenant: string;
  readonly lane: Lane;
  readonly channel: Channel;
  readonly to_address: string;
  readonly locale: Locale;
  readonly country: string | null;
  readonly category: string;
  readonly template: string | null;
  readonly text: string | null;
  readonly user_name: string | null;
  readonly segments: number | null;
  readonly provider: string;
  readonly provider_message_id: string | null;
  readonly verification_id: string | null;
  readonly state: MessageState;
  readonly error_code: RejectionCode | null;
  readonly tried: string;
  readonly attempts: number;
  readonly unknown_attempts: number;
  readonly charges: string;
  readonly created_at: number;
  readonly updated_at: number;
  readonly deliver_before: number;
  readonly due_at: number | null;
}

export const toMessage = (row: MessageRow): StoredMessage => ({
  id: row.id,
  tenant: row.tenant,
  lane: row.lane,
  channel: row.channel,
  to: row.to_address,
  locale: row.locale,
  country: row.country,
  category: row.category,
  template: row.template,
  text: row.text,
  userName: row.user_name,
  segments: row.segments,
  provider: row.provider,
  providerMessageId: row.provider_message_id,
  verificationId: row.verification_id,
  state: row.state,
  errorCode: row.error_code,
  attempts: row.attempts,
  tried: JSON.parse(row.tried) as readonly string[],
  unknownAttempts: row.unknown_attempts,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  deliverBefore: row.deliver_before,
});
