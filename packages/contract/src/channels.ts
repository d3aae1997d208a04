import { z } from "zod";

/** How a message reaches a person. */
export const CHANNELS = ["sms", "whatsapp", "voice", "email"] as const;
export const Channel = z.enum(CHANNELS);
export type Channel = z.output<typeof Channel>;

/** What surface A verifies, named by the channel of its first code: a phone or an e-mail address. */
export const MEDIA = ["sms", "email"] as const;
export type Medium = (typeof MEDIA)[number];

/** Channels that a verification may fall back to, same number only. */
export const FALLBACK_CHANNELS = ["whatsapp", "voice"] as const;
export const FallbackChannel = z.enum(FALLBACK_CHANNELS);
export type FallbackChannel = z.output<typeof FallbackChannel>;

export const LocaleName = z.enum(["es", "en"]);

export const LANES = ["otp", "notification"] as const;
export const Lane = z.enum(LANES);
export type Lane = z.output<typeof Lane>;

/**
 * Where a message stands. It only moves forward: `queued`, `sending`, then one of the others;
 * `sent` and `unknown` still wait for a delivery receipt.
 */
export const MESSAGE_STATES = [
  "queued",
  "sending",
  "sent",
  "delivered",
  "undelivered",
  "failed",
  "unknown",
  "expired",
] as const;
export const MessageState = z.enum(MESSAGE_STATES);
export type MessageState = z.output<typeof MessageState>;

export const VERIFICATION_STATUSES = [
  "pending",
  "approved",
  "canceled",
  "max_attempts_reached",
  "expired",
  "failed",
] as const;
export const VerificationStatus = z.enum(VERIFICATION_STATUSES);
export type VerificationStatus = z.output<typeof VerificationStatus>;
