/** Surface A: the MeStore API under `/api/v1`, snake_case. */
import { z } from "zod";
import { MessageState } from "./channels.ts";

export const OtpType = z.enum(["SMS", "EMAIL"]);
export type OtpType = z.output<typeof OtpType>;

export const SendForBearer = z.strictObject({ otp_type: OtpType });
export const SendSmsOpen = z.strictObject({ telefono: z.string() });
export const SendEmailOpen = z.strictObject({ email: z.string() });

export const VerifyForBearer = z.strictObject({ otp_code: z.string() });
export const VerifySmsOpen = z.strictObject({ telefono: z.string(), otp: z.string() });
export const VerifyEmailOpen = z.strictObject({ email: z.string(), otp: z.string() });

const OtpState = z.object({
  active: z.boolean(),
  expires_at: z.iso.datetime().nullable(),
  can_request_new: z.boolean(),
  is_blocked: z.boolean(),
  attempts: z.int(),
});

/** The `otp_*` fields speak of the endpoint's channel, `otps` of both. */
export const VerificationStatusBody = z.object({
  email_verified: z.boolean(),
  phone_verified: z.boolean(),
  has_active_otp: z.boolean(),
  otp_type: OtpType.nullable(),
  otp_expires_at: z.iso.datetime().nullable(),
  can_request_new_otp: z.boolean(),
  is_otp_blocked: z.boolean(),
  otp_attempts: z.int(),
  otps: z.object({ sms: OtpState, email: OtpState }),
  /** What became of the last send of the endpoint's channel. */
  delivery: z.object({ state: MessageState, message: z.string() }).nullable(),
});
export type VerificationStatusBody = z.output<typeof VerificationStatusBody>;

export const AuthAnswer = z.object({
  success: z.literal(true),
  message: z.string(),
  verification_status: VerificationStatusBody,
});
export type AuthAnswer = z.output<typeof AuthAnswer>;

/** `verification_token` is a JWS (`typ: verification+jwt`, EdDSA) that any service checks with `/.well-known/jwks.json`. */
export const VerifiedAnswer = AuthAnswer.extend({ verification_token: z.string() });
export type VerifiedAnswer = z.output<typeof VerifiedAnswer>;

const ProviderStatusBody = z.object({
  provider: z.string(),
  channel: z.string(),
  breaker: z.enum(["closed", "open", "half_open"]),
  last_success_at: z.iso.datetime().nullable(),
  last_error: z.string().nullable(),
});

export const SmsStatus = z.object({
  service_enabled: z.boolean(),
  simulation_mode: z.boolean(),
  twilio_configured: z.boolean(),
  rate_limiting_enabled: z.boolean(),
  rate_limit_backend: z.enum(["redis", "database"]),
  rate_limit_per_number: z.int(),
  rate_limit_window_seconds: z.int(),
  twilio_connection: z.enum(["active", "failed", "simulation"]),
  twilio_account_status: z.string().nullable(),
  providers: z.array(ProviderStatusBody),
  queue: z.object({ depth: z.int(), oldest_age_seconds: z.number().nullable() }),
});
export type SmsStatus = z.output<typeof SmsStatus>;

export const SmsRateLimit = z.object({
  phone_number: z.string(),
  current_count: z.int(),
  limit: z.int(),
  remaining: z.int(),
  window_seconds: z.int(),
  reset_at: z.iso.datetime().nullable(),
  blocked: z.boolean(),
});
export type SmsRateLimit = z.output<typeof SmsRateLimit>;

export const SendNotification = z.strictObject({
  phone_number: z.string(),
  message: z.string().min(1).max(1600),
  message_type: z.enum(["transactional", "security"]).optional(),
});

export const NotificationAnswer = z.object({
  success: z.literal(true),
  message: z.string(),
  message_id: z.string(),
  segments: z.int(),
});
export type NotificationAnswer = z.output<typeof NotificationAnswer>;
