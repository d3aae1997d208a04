import type { Channel, FallbackChannel, VerificationStatus } from "@mestore/sms-gateway-contract";
import type { Locale } from "@mestore/sms-gateway-contract/errors";

export type AddressKind = "phone" | "email";

/** A canonical address: E.164, or an e-mail as `parseEmail` writes it. It alone keys anything. */
export interface Address {
  readonly kind: AddressKind;
  readonly value: string;
}

/** Whose a verification is. One live row exists per scope and address. */
export interface VerificationScope {
  readonly tenant: string;
  readonly purpose: string;
  /** The end user as the host names it; empty in the open flow. */
  readonly subject: string;
}

export interface Verification extends VerificationScope {
  readonly id: string;
  readonly address: Address;
  /** The channel of the last send. */
  readonly channel: Channel;
  readonly status: VerificationStatus;
  /** 128 random bits, one of the inputs of the code; it never leaves the store and the deriving service. */
  readonly salt: Uint8Array;
  /** Which `OTP_SECRET` derives the code. */
  readonly kid: string;
  readonly codeLength: number;
  readonly attempts: number;
  readonly maxAttempts: number;
  /** Sends that were not certainly refused. */
  readonly sends: number;
  readonly locale: Locale;
  /** Channels of the same number that are still to be tried when the last send does not arrive, in order. */
  readonly fallback: readonly FallbackChannel[];
  /** The message of the last send. */
  readonly lastMessageId: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly endedAt: number | null;
}

/** A start with less life left than this makes a new verification. */
const MIN_REUSABLE_LIFE_MS = 60_000;

/** How long an ended verification still explains itself ("the code has expired"). */
const ENDED_MEMORY_MS = 3_600_000;

export const DEFAULT_TENANT = "default";
export const DEFAULT_PURPOSE = "verification";

type Life = Pick<Verification, "status" | "expiresAt" | "attempts" | "maxAttempts">;

/** Tells whether a code can still be checked: pending, before its end, attempts left. */
export const isLive = (verification: Life, now: number): boolean =>
  verification.status === "pending" && now < verification.expiresAt && verification.attempts < verification.maxAttempts;

/** Tells whether a start adds a send to this verification instead of making a new one. */
export const isReusable = (verification: Life, now: number): boolean =>
  isLive(verification, now) && verification.expiresAt - now >= MIN_REUSABLE_LIFE_MS;

/** The status as of `now`: a pending row past its end reads as expired although nothing wrote that yet. */
export const statusAt = (verification: Life, now: number): VerificationStatus =>
  verification.status === "pending" && now >= verification.expiresAt ? "expired" : verification.status;

/** Tells whether an ended verification still explains itself. */
export const isRemembered = (
  { endedAt, expiresAt }: Pick<Verification, "endedAt" | "expiresAt">,
  now: number,
): boolean => (endedAt ?? expiresAt) > now - ENDED_MEMORY_MS;

/** What one guess does to a live verification. */
export function afterGuess(
  verification: Life,
  matched: boolean,
): { readonly status: VerificationStatus; readonly attempts: number } {
  const attempts = verification.attempts + 1;
  if (matched) return { status: "approved", attempts };
  return { status: attempts >= verification.maxAttempts ? "max_attempts_reached" : "pending", attempts };
}
