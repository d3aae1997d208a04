import { dirname, resolve } from "node:path";
import type { Env } from "./variables.ts";

const MINUTE_MS = 60_000;
const SECOND_MS = 1000;
const DEFAULT_METRICS_PORT = 9464;
const EMAILS_PER_DAY = 10;

/** Secrets as they were given; outside production the secrets file completes them. */
type SecretSettings =
  | {
      readonly kind: "complete";
      readonly otpSecret: string;
      /** PKCS8 PEM, Ed25519. */
      readonly proofPrivateKey: string;
      readonly secretKey: string | undefined;
      readonly otpSecretPrevious: string | undefined;
    }
  | {
      readonly kind: "partial";
      readonly otpSecret: string | undefined;
      readonly proofPrivateKey: string | undefined;
      readonly secretKey: string | undefined;
      readonly otpSecretPrevious: string | undefined;
    };

function toSecrets(env: Env): SecretSettings {
  const { OTP_SECRET: otpSecret, PROOF_PRIVATE_KEY: proofPrivateKey } = env;
  const others = { secretKey: env.SECRET_KEY, otpSecretPrevious: env.OTP_SECRET_PREVIOUS };
  if (env.ENVIRONMENT !== "production") return { kind: "partial", otpSecret, proofPrivateKey, ...others };
  if (otpSecret === undefined || proofPrivateKey === undefined) throw new Error("production without secrets");
  return { kind: "complete", otpSecret, proofPrivateKey, ...others };
}

/** A messaging service, which chooses among its numbers, wins over numbers. */
function toSender(
  env: Env,
): { readonly from: readonly string[] } | { readonly messagingServiceSid: string } | undefined {
  if (env.TWILIO_MESSAGING_SERVICE_SID !== undefined) return { messagingServiceSid: env.TWILIO_MESSAGING_SERVICE_SID };
  return env.TWILIO_FROM_NUMBER === undefined ? undefined : { from: env.TWILIO_FROM_NUMBER };
}

function toTwilio(env: Env) {
  const { TWILIO_ACCOUNT_SID: accountSid, TWILIO_AUTH_TOKEN: authToken, TWILIO_API_BASE_URL: apiBaseUrl } = env;
  const sender = toSender(env);
  if (accountSid === undefined || authToken === undefined || sender === undefined) return undefined;
  return { accountSid, authToken, sender, ...(apiBaseUrl === undefined ? {} : { apiBaseUrl }) };
}

/** Who calls for Twilio; undefined when nobody does. */
function toTwilioVoice(env: Env) {
  const { TWILIO_ACCOUNT_SID: accountSid, TWILIO_AUTH_TOKEN: authToken, TWILIO_API_BASE_URL: apiBaseUrl } = env;
  const { TWILIO_VOICE_FROM: from } = env;
  if (accountSid === undefined || authToken === undefined || from === undefined) return undefined;
  return { accountSid, authToken, from, apiBaseUrl };
}

function toTwilioWhatsapp(env: Env) {
  const { TWILIO_ACCOUNT_SID: accountSid, TWILIO_AUTH_TOKEN: authToken, TWILIO_API_BASE_URL: apiBaseUrl } = env;
  const { TWILIO_WHATSAPP_FROM: from, TWILIO_WHATSAPP_CONTENT_SID: contentSid } = env;
  if (accountSid === undefined || authToken === undefined || from === undefined || contentSid === undefined) {
    return undefined;
  }
  return { accountSid, authToken, from, contentSid, apiBaseUrl };
}

function toVonage(env: Env) {
  const { VONAGE_API_KEY: apiKey, VONAGE_API_SECRET: apiSecret, VONAGE_FROM: from } = env;
  const { VONAGE_SIGNATURE_SECRET: signatureSecret, VONAGE_API_BASE_URL: apiBaseUrl } = env;
  if (apiKey === undefined || apiSecret === undefined || from === undefined) return undefined;
  return { apiKey, apiSecret, from, signatureSecret, apiBaseUrl };
}

function toInfobip({ INFOBIP_API_KEY: apiKey, INFOBIP_BASE_URL: baseUrl, INFOBIP_FROM: from }: Env) {
  if (apiKey === undefined || baseUrl === undefined || from === undefined) return undefined;
  return { apiKey, baseUrl, from };
}

const DEFAULT_DATA_FOLDER = "./data";

const DEFAULT_POSTGRES_PORT = 5432;

/** Where everything is kept; with PostgreSQL the folder holds no more than the secrets of a laptop. */
function toStore({ DATABASE_URL: database, REDIS_URL: redisUrl }: Env, rootFolder: string) {
  if (database.engine === "sqlite") {
    const path = resolve(rootFolder, database.path);
    return { database: { engine: "sqlite" as const, path }, name: path, dataFolder: dirname(path), redisUrl };
  }
  const { hostname, port, pathname } = new URL(database.url);
  const name = `PostgreSQL ${hostname}:${port || DEFAULT_POSTGRES_PORT}${pathname}`;
  return { database, name, dataFolder: resolve(rootFolder, DEFAULT_DATA_FOLDER), redisUrl };
}

/** Cuts an environment that passed every rule into what each part of the gateway needs. */
export function toPieces(env: Env, rootFolder: string) {
  const environment = env.ENVIRONMENT ?? "development";
  const isProduction = environment === "production";
  const isExposed = isProduction || env.SIMULATION_EXPOSED;
  const metricsPort = env.METRICS_PORT ?? (isProduction ? DEFAULT_METRICS_PORT : 0);
  return {
    environment,
    isProduction,
    http: {
      host: env.HOST ?? (isProduction ? "0.0.0.0" : "127.0.0.1"),
      port: env.PORT,
      /** Without it receipts are off. */
      publicUrl: env.PUBLIC_URL,
      corsOrigins: env.CORS_ORIGINS,
      /** Addresses and CIDRs whose `X-Forwarded-For` is believed. */
      trustProxy: env.TRUST_PROXY ?? [],
      /** Host names that are answered, against DNS rebinding; undefined for every one. */
      allowedHosts: isExposed ? undefined : ["localhost", "127.0.0.1", "[::1]"],
    },
    /** Undefined when off. */
    metrics: metricsPort === 0 ? undefined : { host: "127.0.0.1", port: metricsPort },
    log: { level: env.LOG_LEVEL ?? (isProduction ? "info" : "warn") },
    simulation: {
      /** Reachable from other machines: the inbox wants a key. */
      isExposed: !isProduction && env.SIMULATION_EXPOSED,
    },
    auth: {
      openVerification: env.OPEN_VERIFICATION ?? !isProduction,
      /** When set, `SECRET_KEY` verifies nothing. */
      jwksUrl: env.JWT_JWKS_URL,
      issuer: env.JWT_ISSUER,
      audience: env.JWT_AUDIENCE,
    },
    secrets: toSecrets(env),
    policy: {
      codeLength: env.OTP_LENGTH,
      codeLifeMs: env.OTP_EXPIRATION_MINUTES * MINUTE_MS,
      maxAttempts: env.OTP_MAX_ATTEMPTS,
      maxFailuresPerDay: env.OTP_MAX_FAILURES_PER_DAY,
      fallback: env.OTP_FALLBACK,
      brand: env.APP_NAME,
      webotpHost: env.WEBOTP_HOST,
      defaultLocale: env.DEFAULT_LOCALE,
      allowedCountries: env.SMS_ALLOWED_COUNTRIES,
    },
    limits: {
      /** 0 for none. */
      cooldownMs: env.OTP_COOLDOWN_SECONDS * SECOND_MS,
      perNumber: env.SMS_RATE_LIMIT_PER_NUMBER,
      /** Window of `perNumber`; where no day is named, the others count per hour. */
      numberWindowMs: env.SMS_RATE_LIMIT_WINDOW * SECOND_MS,
      perNumberPerDay: env.SMS_RATE_LIMIT_PER_DAY,
      triesPerNumber: env.SMS_TRY_LIMIT_PER_NUMBER,
      perSubject: env.SMS_RATE_LIMIT_PER_SUBJECT,
      perClientOpen: env.SMS_RATE_LIMIT_PER_CLIENT,
      perClientBearer: env.SMS_RATE_LIMIT_PER_CLIENT_BEARER,
      perBlock: env.SMS_RATE_LIMIT_PER_BLOCK,
      global: env.SMS_RATE_LIMIT_GLOBAL,
      perEmail: env.EMAIL_RATE_LIMIT_PER_ADDRESS,
      /** Never below the hour's, which could not be reached otherwise. */
      perEmailPerDay: Math.max(EMAILS_PER_DAY, env.EMAIL_RATE_LIMIT_PER_ADDRESS),
      /** In development every caller is this machine. */
      ignoresLoopback: environment === "development",
    },
    /** `name` is for people, without credentials; `dataFolder` is absolute and holds the secrets file outside production. */
    store: toStore(env, rootFolder),
    enabled: {
      sms: env.SMS_ENABLED,
      whatsapp: env.SMS_ENABLED,
      voice: env.SMS_ENABLED,
      email: env.EMAIL_OTP_ENABLED,
    },
    /** These are undefined when their vendor sends no SMS. */
    vonage: toVonage(env),
    infobip: toInfobip(env),
    twilio: toTwilio(env),
    /** Undefined when Twilio places no calls. */
    twilioVoice: toTwilioVoice(env),
    /** Undefined when Twilio sends no WhatsApp messages. */
    twilioWhatsapp: toTwilioWhatsapp(env),
    /** Who is called, in which order; a channel without providers uses all there are. */
    routes: {
      sms: { providers: env.SMS_PROVIDERS, rules: env.SMS_ROUTES },
      whatsapp: { providers: env.WHATSAPP_PROVIDERS, rules: [] },
      voice: { providers: env.VOICE_PROVIDERS, rules: [] },
    },
    /** Undefined when e-mail is simulated or, in production, off. */
    smtp:
      env.SMTP_URL === undefined || env.EMAIL_FROM === undefined
        ? undefined
        : { url: env.SMTP_URL, from: env.EMAIL_FROM },
    webhooks: {
      allowsHttp: !isProduction,
      /** Endpoints on this machine and its networks. */
      allowsPrivate: !isProduction && env.WEBHOOK_ALLOW_PRIVATE,
    },
    cli: {
      gatewayUrl: env.GATEWAY_URL ?? `http://127.0.0.1:${env.PORT}`,
      gatewayKey: env.GATEWAY_KEY,
    },
  };
}
