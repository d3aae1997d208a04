import type {
  AuthAnswer,
  NotificationAnswer,
  OtpType,
  SendNotification as SendNotificationShape,
  SmsRateLimit,
  SmsStatus,
  VerificationStatusBody,
  VerifiedAnswer,
} from "@mestore/sms-gateway-contract";
import type { Answer } from "./answer.ts";
import { type ApiRequest, type CallOptions, type ConnectionOptions, createTransport } from "./transport.ts";

export type SendNotification = ReturnType<typeof SendNotificationShape.parse>;

export interface AuthClientOptions extends ConnectionOptions {
  /** Of the gateway, scopes `operate` and `send`; the three `sms` routes need it and no other route sends it. */
  readonly apiKey?: string;
}

export interface BearerOptions extends AuthClientOptions {
  /** Access token of the host application. An empty one is sent as it is, and refused. */
  readonly token: string;
}

/** The operator's routes of the MeStore API. */
interface SmsRoutes {
  smsStatus(options?: CallOptions): Promise<Answer<SmsStatus>>;
  smsRateLimit(phone: string, options?: CallOptions): Promise<Answer<SmsRateLimit>>;
  sendNotification(
    body: SendNotification,
    options?: CallOptions & { readonly idempotencyKey?: string },
  ): Promise<Answer<NotificationAnswer>>;
}

/** For a signed-in user: phone and e-mail are those of the contact on record. */
export interface BearerAuthClient extends SmsRoutes {
  sendVerificationSms(body?: { readonly otp_type: OtpType }, options?: CallOptions): Promise<Answer<AuthAnswer>>;
  verifyPhoneOtp(body: { readonly otp_code: string }, options?: CallOptions): Promise<Answer<VerifiedAnswer>>;
  sendVerificationEmail(body?: { readonly otp_type: OtpType }, options?: CallOptions): Promise<Answer<AuthAnswer>>;
  verifyEmailOtp(body: { readonly otp_code: string }, options?: CallOptions): Promise<Answer<VerifiedAnswer>>;
  verificationStatus(options?: CallOptions): Promise<Answer<VerificationStatusBody>>;
}

/** For nobody in particular: each call names the phone or the e-mail. */
export interface OpenAuthClient extends SmsRoutes {
  sendVerificationSms(body: { readonly telefono: string }, options?: CallOptions): Promise<Answer<AuthAnswer>>;
  verifyPhoneOtp(
    body: { readonly telefono: string; readonly otp: string },
    options?: CallOptions,
  ): Promise<Answer<VerifiedAnswer>>;
  sendVerificationEmail(body: { readonly email: string }, options?: CallOptions): Promise<Answer<AuthAnswer>>;
  verifyEmailOtp(
    body: { readonly email: string; readonly otp: string },
    options?: CallOptions,
  ): Promise<Answer<VerifiedAnswer>>;
}

/** Speaks the MeStore API, `/api/v1`: with a token the signed-in variant, without one the open flow. */
export function createAuthClient(options: BearerOptions): BearerAuthClient;
export function createAuthClient(options: AuthClientOptions): OpenAuthClient;
export function createAuthClient(
  options: AuthClientOptions & Partial<BearerOptions>,
): BearerAuthClient | OpenAuthClient {
  const { apiKey, token } = options;
  const { call } = createTransport(options);

  const auth = <Data>(request: Pick<ApiRequest, "method" | "path" | "body">, { signal }: CallOptions = {}) =>
    call<Data>({ ...request, bearer: token, signal });
  const post = <Data>(path: string, body: unknown, callOptions?: CallOptions) =>
    auth<Data>({ method: "POST", path: `/api/v1/auth/${path}`, body }, callOptions);

  const routes: BearerAuthClient = {
    sendVerificationSms: (body = { otp_type: "SMS" }, callOptions) => post("send-verification-sms", body, callOptions),
    verifyPhoneOtp: (body, callOptions) => post("verify-phone-otp", body, callOptions),
    sendVerificationEmail: (body = { otp_type: "EMAIL" }, callOptions) =>
      post("send-verification-email", body, callOptions),
    verifyEmailOtp: (body, callOptions) => post("verify-email-otp", body, callOptions),
    verificationStatus: (callOptions) => auth({ method: "GET", path: "/api/v1/auth/verification-status" }, callOptions),

    smsStatus: ({ signal } = {}) => call({ method: "GET", path: "/api/v1/sms/status", bearer: apiKey, signal }),
    smsRateLimit: (phone, { signal } = {}) =>
      call({ method: "GET", path: `/api/v1/sms/rate-limit/${encodeURIComponent(phone)}`, bearer: apiKey, signal }),
    sendNotification: (body, { idempotencyKey, signal } = {}) =>
      call({
        method: "POST",
        path: "/api/v1/sms/notifications",
        body,
        bearer: apiKey,
        headers: { "idempotency-key": idempotencyKey },
        signal,
      }),
  };
  return routes;
}
