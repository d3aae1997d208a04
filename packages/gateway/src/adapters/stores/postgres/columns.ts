import type { Channel, FallbackChannel } from "@mestore/sms-gateway-contract";
import type { AddressKind, Verification } from "../../../domain/verification.ts";

/** Selects columns under the names that the domain has for them. */
const selectAs = (table: string, names: Readonly<Record<string, string>>): string =>
  Object.entries(names)
    .map(([column, name]) => `${table}.${column} as "${name}"`)
    .join(", ");

const same = (...names: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(names.map((name) => [name, name]));

/** Columns of `verifications`, which the statement calls `v`. */
export const VERIFICATION_COLUMNS = selectAs("v", {
  ...same(
    "id",
    "tenant",
    "purpose",
    "subject",
    "address",
    "channel",
    "status",
    "salt",
    "kid",
    "attempts",
    "sends",
    "locale",
    "fallback",
  ),
  address_kind: "addressKind",
  code_length: "codeLength",
  max_attempts: "maxAttempts",
  last_message_id: "lastMessageId",
  created_at: "createdAt",
  expires_at: "expiresAt",
  ended_at: "endedAt",
});

export interface VerificationRow extends Omit<Verification, "address" | "salt" | "fallback"> {
  readonly addressKind: AddressKind;
  readonly address: string;
  readonly salt: Buffer;
  /** With commas between them. */
  readonly fallback: string;
}

export const toVerification = ({ addressKind, address, salt, fallback, ...rest }: VerificationRow): Verification => ({
  ...rest,
  address: { kind: addressKind, value: address },
  salt: new Uint8Array(salt),
  fallback: fallback === "" ? [] : (fallback.split(",") as FallbackChannel[]),
});

/** Columns of `messages`, which the statement calls `m`; a row is a `StoredMessage` as it comes. */
export const MESSAGE_COLUMNS = selectAs("m", {
  ...same("id", "tenant", "lane", "channel", "locale", "country", "category", "template", "text", "segments"),
  ...same("provider", "state", "attempts", "tried"),
  to_address: "to",
  user_name: "userName",
  provider_message_id: "providerMessageId",
  verification_id: "verificationId",
  error_code: "errorCode",
  unknown_attempts: "unknownAttempts",
  created_at: "createdAt",
  updated_at: "updatedAt",
  deliver_before: "deliverBefore",
});

/** A counted send as its row has it. */
export interface SendRow {
  readonly at: number;
  readonly channel: Channel;
  readonly released: boolean;
}
