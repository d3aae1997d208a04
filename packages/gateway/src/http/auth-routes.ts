import cors from "@fastify/cors";
import {
  AuthAnswer,
  MEDIA,
  type Medium,
  type OtpType,
  SendEmailOpen,
  SendForBearer,
  SendSmsOpen,
  VerificationStatusBody,
  VerifiedAnswer,
  VerifyEmailOpen,
  VerifyForBearer,
  VerifySmsOpen,
} from "@mestore/sms-gateway-contract";
import { errorText, type Locale } from "@mestore/sms-gateway-contract/errors";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { AppError } from "../domain/app-error.ts";
import { maskAddress } from "../domain/mask.ts";
import type { Bearer } from "../ports/host-tokens.ts";
import type { AccountState, Caller, OtpState, SentCode } from "../services/accounts.ts";
import { sendFailure } from "../services/verifications.ts";
import { DELIVERY, sentText, VERIFIED } from "./auth-texts.ts";
import { bearerOf } from "./callers.ts";
import { HOST_TOKEN, HOST_TOKEN_OR_NOBODY } from "./docs.ts";
import { answerOnce, type Outcome, toAnswer } from "./idempotent.ts";
import { localeOf } from "./locale.ts";
import { read } from "./read.ts";
import { refuseOtherMethods, type Server } from "./server.ts";
import type { Services, SurfaceSettings } from "./services.ts";
import { toInstantOrNull } from "./wire.ts";

/** How long a person waits to be told that a number is a landline. */
const WAIT_MS = 4_000;
const MINUTE_MS = 60_000;

interface Endpoint {
  readonly channel: Medium;
  readonly type: OtpType;
  readonly medium: string;
  /** Bodies of the open flow. */
  readonly sendShape: z.ZodType<{ readonly to: string }>;
  readonly verifyShape: z.ZodType<{ readonly to: string; readonly code: string }>;
}

const SMS: Endpoint = {
  channel: "sms",
  type: "SMS",
  medium: "SMS",
  sendShape: SendSmsOpen.transform(({ telefono }) => ({ to: telefono })),
  verifyShape: VerifySmsOpen.transform(({ telefono, otp }) => ({ to: telefono, code: otp })),
};

const EMAIL: Endpoint = {
  channel: "email",
  type: "EMAIL",
  medium: "e-mail",
  sendShape: SendEmailOpen.transform(({ email }) => ({ to: email })),
  verifyShape: VerifyEmailOpen.transform(({ email, otp }) => ({ to: email, code: otp })),
};

const TYPES: Readonly<Record<Medium, OtpType>> = { sms: "SMS", email: "EMAIL" };

const otpBody = (otp: OtpState) => ({
  active: otp.isActive,
  expires_at: toInstantOrNull(otp.expiresAt),
  can_request_new: otp.canRequestNew,
  is_blocked: otp.isBlocked,
  attempts: otp.attempts,
});

function deliveryBody({ lastMessage }: OtpState, locale: Locale): VerificationStatusBody["delivery"] {
  if (lastMessage === null) return null;
  const { state, errorCode } = lastMessage;
  const hasOwnText = errorCode !== null && (state === "failed" || state === "undelivered");
  return { state, message: hasOwnText ? errorText(errorCode, locale) : DELIVERY[state][locale] };
}

/** `channel` is the endpoint's; without one it is the channel that has a live code. */
function toStatusBody(state: AccountState, channel: Medium | null, locale: Locale): VerificationStatusBody {
  const active = MEDIA.find((name) => state.otps[name].isActive);
  const shown = channel ?? active ?? "sms";
  const otp = state.otps[shown];
  return {
    email_verified: state.emailVerified,
    phone_verified: state.phoneVerified,
    has_active_otp: otp.isActive,
    otp_type: otp.isActive ? TYPES[shown] : null,
    otp_expires_at: toInstantOrNull(otp.expiresAt),
    can_request_new_otp: otp.canRequestNew,
    is_otp_blocked: otp.isBlocked,
    otp_attempts: otp.attempts,
    otps: { sms: otpBody(state.otps.sms), email: otpBody(state.otps.email) },
    delivery: deliveryBody(otp, locale),
  };
}

/** Surface A: the four endpoints that the MeStore front end calls, and the status of a bearer. */
export async function authRoutes(app: Server, services: Services, settings: SurfaceSettings): Promise<void> {
  const { accounts, idempotency, clock } = services;
  const seal = refuseOtherMethods(app);
  await app.register(cors, {
    origin: settings.corsOrigins.length === 0 ? false : [...settings.corsOrigins],
    exposedHeaders: ["Retry-After"],
    methods: ["GET", "POST"],
    allowedHeaders: ["Authorization", "Content-Type", "Accept-Language", "Idempotency-Key"],
    maxAge: 600,
    // The strict answer to an incomplete preflight is plain text, which is no answer of ours.
    strictPreflight: false,
  });

  const toSendAnswer = (
    { started, state }: SentCode,
    { channel }: Endpoint,
    locale: Locale,
  ): Exclude<Outcome, AppError> => {
    const { verification, message } = started;
    const isOnItsWay = message.state !== "sent" && message.state !== "delivered";
    const body: AuthAnswer = {
      success: true,
      message: sentText({
        to: maskAddress(verification.address),
        minutes: Math.max(1, Math.ceil((verification.expiresAt - clock.now()) / MINUTE_MS)),
        isOnItsWay,
        locale,
      }),
      verification_status: toStatusBody(state, channel, locale),
    };
    return { status: isOnItsWay ? 202 : 200, body };
  };

  /** The variant is chosen by the header alone; the other variant's fields are then unknown fields. */
  const variantOf = async (request: FastifyRequest): Promise<Bearer | null> => {
    const bearer = await bearerOf(services, request);
    if (bearer === null && !settings.isOpenFlowOn) throw new AppError("credentials_invalid");
    return bearer;
  };

  const readSend = async (request: FastifyRequest, { type, sendShape }: Endpoint): Promise<Caller> => {
    const bearer = await variantOf(request);
    if (bearer === null) return { kind: "open", ...read(sendShape, request.body) };
    if (read(SendForBearer, request.body).otp_type !== type) throw new AppError("otp_type_wrong", { type });
    return { kind: "bearer", bearer };
  };

  const readVerify = async (
    request: FastifyRequest,
    { verifyShape }: Endpoint,
  ): Promise<{ readonly caller: Caller; readonly code: string }> => {
    const bearer = await variantOf(request);
    if (bearer !== null) {
      return { caller: { kind: "bearer", bearer }, code: read(VerifyForBearer, request.body).otp_code };
    }
    const { to, code } = read(verifyShape, request.body);
    return { caller: { kind: "open", to }, code };
  };

  const callerName = (caller: Caller): string =>
    caller.kind === "bearer" ? `bearer:${caller.bearer.sub}` : `open:${caller.to}`;

  const addSend = (path: string, endpoint: Endpoint): void => {
    app.post(
      path,
      {
        schema: {
          tags: ["auth"],
          security: settings.isOpenFlowOn ? HOST_TOKEN_OR_NOBODY : HOST_TOKEN,
          summary: `Sends a code by ${endpoint.medium}`,
          body: z.union([SendForBearer, endpoint.sendShape]),
          response: { 200: AuthAnswer, 202: AuthAnswer },
        },
        validatorCompiler: () => (value) => ({ value }),
      },
      async (request, reply) => {
        const caller = await readSend(request, endpoint);
        const locale = localeOf(request, settings.defaultLocale);
        return answerOnce(request, reply, {
          idempotency,
          errors: settings,
          caller: callerName(caller),
          act: async (key) => {
            const sent = await accounts.send({
              caller,
              channel: endpoint.channel,
              locale,
              clientAddress: request.ip,
              waitMs: WAIT_MS,
              ...(key === undefined
                ? {}
                : {
                    idempotency: {
                      key,
                      answer: (first) => toAnswer(toSendAnswer(first, endpoint, locale), request, settings),
                    },
                  }),
            });
            return sendFailure(sent) ?? toSendAnswer({ started: sent, state: sent.state }, endpoint, locale);
          },
        });
      },
    );
  };

  const addVerify = (path: string, endpoint: Endpoint): void => {
    app.post(
      path,
      {
        schema: {
          tags: ["auth"],
          security: settings.isOpenFlowOn ? HOST_TOKEN_OR_NOBODY : HOST_TOKEN,
          summary: `Checks a code that came by ${endpoint.medium}`,
          body: z.union([VerifyForBearer, endpoint.verifyShape]),
          response: { 200: VerifiedAnswer },
        },
        validatorCompiler: () => (value) => ({ value }),
      },
      async (request): Promise<VerifiedAnswer> => {
        const { caller, code } = await readVerify(request, endpoint);
        const { state, proof } = await accounts.verify({ caller, channel: endpoint.channel, code });
        const locale = localeOf(request, settings.defaultLocale);
        return {
          success: true,
          message: VERIFIED[endpoint.channel][locale],
          verification_status: toStatusBody(state, endpoint.channel, locale),
          verification_token: proof,
        };
      },
    );
  };

  addSend("/send-verification-sms", SMS);
  addVerify("/verify-phone-otp", SMS);
  addSend("/send-verification-email", EMAIL);
  addVerify("/verify-email-otp", EMAIL);

  app.get(
    "/verification-status",
    {
      schema: {
        tags: ["auth"],
        security: HOST_TOKEN,
        summary: "What a bearer has verified",
        response: { 200: VerificationStatusBody },
      },
    },
    async (request) => {
      const bearer = await bearerOf(services, request);
      if (bearer === null) throw new AppError("credentials_invalid");
      return toStatusBody(await accounts.state(bearer), null, localeOf(request, settings.defaultLocale));
    },
  );
  seal();
}
