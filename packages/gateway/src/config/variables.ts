import { createPrivateKey, type KeyObject } from "node:crypto";
import { isIP } from "node:net";
import { FallbackChannel, LocaleName } from "@mestore/sms-gateway-contract";
import { type CountryCode, isSupportedCountry } from "libphonenumber-js/max";
import { z } from "zod";

/** What is known of a variable besides its shape. */
interface Notes {
  /** Said when the value does not fit. Written here, so that no value can slip into it. */
  readonly problem: string;
  /** May also come from a file, named by the variable with `_FILE` behind it. */
  readonly secret?: true;
  /** What `.env.example` and setup guides hold in its place; counts as unset. */
  readonly placeholders?: readonly string[];
}

const notes = z.registry<Notes>();

const MAX_COUNT = 1_000_000;
const DAY_SECONDS = 86_400;

const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .pipe(z.int().min(min).max(max));

/** A limit. Never 0: that would read as "no limit" to one person and as "nothing passes" to the next. */
const count = (fallback: number, max = MAX_COUNT) =>
  integer(1, max)
    .default(fallback)
    .register(notes, { problem: `must be a whole number from 1 to ${max}` });

const flag = () => z.stringbool();
const FLAG = { problem: "must be true or false" };

const sid = (prefix: "AC" | "MG" | "VA" | "HX") => z.string().regex(new RegExp(`^${prefix}[0-9a-fA-F]{32}$`));

const PHONE_NUMBER = /^\+[1-9]\d{6,14}$/;
const PHONE = { problem: "must be a number with + and country, such as +13105550100" };

/** Splits at commas and spaces, so that both `CO,EC` and `CO, EC` do. */
const list = z.string().transform((text) => text.split(/[\s,]+/).filter((entry) => entry !== ""));

/** A number, a short code, or a name of at most 11 letters. */
const SENDER = /^(\+[1-9]\d{6,14}|\d{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11})$/;
const SENDER_PROBLEM = {
  problem: "must be a number such as +13105550100, a short code, or a sender name of at most 11 letters",
};

const PROVIDER_NAME = /^[a-z][a-z0-9-]{0,30}$/;
const names = () =>
  z
    .string()
    .toLowerCase()
    .pipe(list)
    .pipe(z.array(z.string().regex(PROVIDER_NAME)).min(1))
    .optional();
const PROVIDER_NAMES = { problem: "must be names of providers in order, such as twilio,infobip" };

/** `+57300=infobip,twilio; EC=vonage` */
const routes = () =>
  z
    .string()
    .transform((text) =>
      text
        .split(";")
        .filter((rule) => rule.trim() !== "")
        .map((rule) => {
          const [match = "", providers = "", ...rest] = rule.split("=");
          return { match: match.trim().toUpperCase(), providers: rest.length > 0 ? "" : providers.toLowerCase() };
        }),
    )
    .pipe(
      z.array(
        z.object({
          match: z.string().regex(/^(\+[1-9]\d{0,14}|[A-Z]{2})$/),
          providers: list.pipe(z.array(z.string().regex(PROVIDER_NAME)).min(1)),
        }),
      ),
    );

/** An http(s) address without credentials, query or fragment; given back without the last slash. */
const httpUrl = () =>
  z
    .string()
    .refine((text) => {
      const url = URL.parse(text);
      return (
        url !== null && /^https?:$/.test(url.protocol) && url.username + url.password + url.search + url.hash === ""
      );
    })
    .transform((text) => text.replace(/\/+$/, ""));
const HTTP_URL = { problem: "must be an http:// or https:// address without user, query or fragment" };

const isSmtpUrl = (text: string): boolean => {
  const url = URL.parse(text);
  return url !== null && /^smtps?:$/.test(url.protocol) && url.hostname !== "";
};

/** A host and a database; what else a driver takes comes behind `?`. */
const isPostgresUrl = (text: string): boolean => {
  const url = URL.parse(text);
  return url !== null && /^postgres(ql)?:$/.test(url.protocol) && url.hostname !== "" && /^\/[^/]+$/.test(url.pathname);
};

const isRedisUrl = (text: string): boolean => {
  const url = URL.parse(text);
  return url !== null && /^rediss?:$/.test(url.protocol) && url.hostname !== "" && /^\/?\d{0,5}$/.test(url.pathname);
};

/** One address or a CIDR; `/0` is no network but everybody. */
const isNetwork = (text: string): boolean => {
  const [address = "", prefix, ...rest] = text.split("/");
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  if (prefix === undefined) return true;
  return /^\d{1,3}$/.test(prefix) && Number(prefix) >= 1 && Number(prefix) <= (family === 4 ? 32 : 128);
};

const HOSTNAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;

/**
 * Reads an Ed25519 private key: PKCS8 PEM (line breaks may be written `\n`), or the base64 of that PEM.
 *
 * @returns the PEM, or null when it is anything else
 */
function toProofKeyPem(text: string): string | null {
  const pem = text.startsWith("-----") ? text.replaceAll("\\n", "\n") : Buffer.from(text, "base64").toString("utf8");
  if (!pem.startsWith("-----BEGIN PRIVATE KEY-----")) return null;
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    return null;
  }
  return key.asymmetricKeyType === "ed25519" ? key.export({ type: "pkcs8", format: "pem" }).toString() : null;
}

const proofKey = () =>
  z.string().transform((text, context) => {
    const pem = toProofKeyPem(text);
    if (pem !== null) return pem;
    context.addIssue({ code: "custom" });
    return z.NEVER;
  });

/**
 * Every variable the gateway reads. `.env.example` lists the same ones; a test holds the two together.
 *
 * An absent variable is `undefined` here: what depends on `ENVIRONMENT` is decided in `pieces.ts`.
 */
export const Env = z.object({
  ENVIRONMENT: z
    .enum(["development", "test", "production"])
    .optional()
    .register(notes, { problem: "must be development, test or production" }),

  HOST: z
    .string()
    .refine((text) => isIP(text) !== 0 || HOSTNAME.test(text))
    .optional()
    .register(notes, { problem: "must be an IP address or a host name, without port" }),
  PORT: integer(0, 65_535).default(8000).register(notes, { problem: "must be a port, 0 to 65535" }),
  METRICS_PORT: integer(0, 65_535).optional().register(notes, { problem: "must be a port, or 0 for no metrics" }),
  PUBLIC_URL: httpUrl().optional().register(notes, HTTP_URL),
  TRUST_PROXY: z
    .union([z.literal("none").transform((): string[] => []), list.pipe(z.array(z.string().refine(isNetwork)).min(1))])
    .optional()
    .register(notes, { problem: "must be none, or addresses and CIDRs such as 10.0.0.0/8, never /0" }),
  CORS_ORIGINS: list
    .pipe(z.array(z.string().refine((text) => /^https?:/.test(text) && URL.parse(text)?.origin === text)))
    .default([])
    .register(notes, { problem: "must be origins such as https://shop.example, without path; * is not accepted" }),
  SIMULATION_EXPOSED: flag().default(false).register(notes, FLAG),
  LOG_LEVEL: z
    .enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"])
    .optional()
    .register(notes, { problem: "must be trace, debug, info, warn, error, fatal or silent" }),

  SECRET_KEY: z
    .string()
    .optional()
    .register(notes, {
      problem: "must be a text",
      secret: true,
      placeholders: ["your_secret_key_here"],
    }),
  JWT_JWKS_URL: httpUrl().optional().register(notes, HTTP_URL),
  JWT_ISSUER: z.string().optional().register(notes, { problem: "must be a text" }),
  JWT_AUDIENCE: z.string().optional().register(notes, { problem: "must be a text" }),
  OPEN_VERIFICATION: flag().optional().register(notes, FLAG),

  OTP_SECRET: z
    .string()
    .optional()
    .register(notes, {
      problem: "must be a text",
      secret: true,
      placeholders: ["your_otp_secret_here"],
    }),
  OTP_SECRET_PREVIOUS: z.string().optional().register(notes, { problem: "must be a text", secret: true }),
  PROOF_PRIVATE_KEY: proofKey()
    .optional()
    .register(notes, {
      problem: "must be an Ed25519 private key as PKCS8 PEM, or the base64 of that PEM",
      secret: true,
      placeholders: ["your_proof_private_key_here"],
    }),

  DATABASE_URL: z
    .union([
      z
        .string()
        .regex(/^sqlite:(?!\/\/|:)[^?#]*[^?#/]$/)
        .transform((url) => ({ engine: "sqlite" as const, path: url.slice("sqlite:".length) })),
      z
        .string()
        .refine(isPostgresUrl)
        .transform((url) => ({ engine: "postgres" as const, url })),
    ])
    .default({ engine: "sqlite", path: "./data/gateway.db" })
    .register(notes, {
      problem:
        "must be sqlite: and a file, such as sqlite:./data/gateway.db, or postgres://user:password@host:5432/database",
      secret: true,
    }),
  REDIS_URL: z.string().refine(isRedisUrl).optional().register(notes, {
    problem: "must be redis://host:6379, or rediss:// for TLS; empty keeps the limits in the database",
    secret: true,
  }),

  SMS_ENABLED: flag().default(true).register(notes, FLAG),
  TWILIO_ACCOUNT_SID: sid("AC")
    .optional()
    .register(notes, {
      problem: "must be AC and 32 hexadecimal digits",
      secret: true,
      placeholders: ["your_account_sid_here", "AC1234567890abcdef1234567890abcdef"],
    }),
  TWILIO_AUTH_TOKEN: z
    .string()
    .regex(/^\S+$/)
    .optional()
    .register(notes, {
      problem: "must be the auth token, without spaces",
      secret: true,
      placeholders: ["your_auth_token_here", "your_actual_auth_token_here"],
    }),
  TWILIO_FROM_NUMBER: z
    .string()
    .transform((text) => text.split(",").map((entry) => entry.trim()))
    .pipe(z.array(z.string().regex(/^(\+[1-9]\d{6,14}|\d{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11})$/)).min(1))
    .optional()
    .register(notes, {
      problem:
        "must be a number such as +13105550100, a short code, or a sender name of at most 11 letters; or several, with commas",
      placeholders: ["+573001234567"],
    }),
  TWILIO_MESSAGING_SERVICE_SID: sid("MG")
    .optional()
    .register(notes, { problem: "must be MG and 32 hexadecimal digits" }),
  TWILIO_VERIFY_SERVICE_SID: sid("VA")
    .optional()
    .register(notes, {
      problem: "must be VA and 32 hexadecimal digits",
      placeholders: ["optional_verify_service_sid"],
    }),
  TWILIO_VOICE_FROM: z.string().regex(PHONE_NUMBER).optional().register(notes, PHONE),
  TWILIO_WHATSAPP_FROM: z.string().regex(PHONE_NUMBER).optional().register(notes, PHONE),
  TWILIO_WHATSAPP_CONTENT_SID: sid("HX")
    .optional()
    .register(notes, { problem: "must be HX and 32 hexadecimal digits" }),
  TWILIO_API_BASE_URL: httpUrl().optional().register(notes, HTTP_URL),

  VONAGE_API_KEY: z
    .string()
    .regex(/^[^\s:]+$/)
    .optional()
    .register(notes, { problem: "must be the API key, without spaces" }),
  VONAGE_API_SECRET: z
    .string()
    .regex(/^\S+$/)
    .optional()
    .register(notes, { problem: "must be the API secret, without spaces", secret: true }),
  VONAGE_FROM: z.string().regex(SENDER).optional().register(notes, SENDER_PROBLEM),
  VONAGE_SIGNATURE_SECRET: z
    .string()
    .regex(/^\S+$/)
    .optional()
    .register(notes, { problem: "must be the signature secret, without spaces", secret: true }),
  VONAGE_API_BASE_URL: httpUrl().optional().register(notes, HTTP_URL),

  INFOBIP_API_KEY: z
    .string()
    .regex(/^\S+$/)
    .optional()
    .register(notes, { problem: "must be the API key, without spaces", secret: true }),
  INFOBIP_BASE_URL: httpUrl().optional().register(notes, HTTP_URL),
  INFOBIP_FROM: z.string().regex(SENDER).optional().register(notes, SENDER_PROBLEM),

  HTTP_PROVIDER_FILE: z.string().optional().register(notes, { problem: "must be the path of a JSON file" }),

  PRICES_FILE: z.string().optional().register(notes, { problem: "must be the path of a CSV file" }),
  SMS_PROVIDERS: names().register(notes, PROVIDER_NAMES),
  WHATSAPP_PROVIDERS: names().register(notes, PROVIDER_NAMES),
  VOICE_PROVIDERS: names().register(notes, PROVIDER_NAMES),
  SMS_ROUTES: routes().default([]).register(notes, {
    problem: "must be rules such as +57300=infobip,twilio; EC=vonage: a prefix or a country, and providers in order",
  }),

  EMAIL_OTP_ENABLED: flag().default(true).register(notes, FLAG),
  SMTP_URL: z
    .string()
    .refine(isSmtpUrl)
    .optional()
    .register(notes, { problem: "must be smtp:// or smtps:// and a host", secret: true }),
  EMAIL_FROM: z
    .string()
    .regex(/^([^\s@<>]+@[^\s@<>]+|[^<>\p{Cc}]+ <[^\s@<>]+@[^\s@<>]+>)$/u)
    .optional()
    .register(notes, { problem: "must be an address such as no-reply@shop.example or Shop <no-reply@shop.example>" }),

  APP_NAME: z
    .string()
    .regex(/^\P{Cc}{1,86}$/u)
    .default("MeStore")
    .register(notes, { problem: "must be a name in one line" }),
  WEBOTP_HOST: z
    .string()
    .regex(HOSTNAME)
    .toLowerCase()
    .optional()
    .register(notes, { problem: "must be a host name such as shop.example, without https://" }),
  DEFAULT_LOCALE: LocaleName.default("es").register(notes, { problem: "must be es or en" }),
  SMS_ALLOWED_COUNTRIES: z
    .string()
    .toUpperCase()
    .pipe(list)
    .pipe(z.array(z.custom<CountryCode>((name) => typeof name === "string" && isSupportedCountry(name))).min(1))
    .default(["CO"])
    .register(notes, { problem: "must be ISO 3166 countries of two letters, such as CO,EC" }),

  OTP_LENGTH: integer(4, 10).default(6).register(notes, { problem: "must be a whole number from 4 to 10" }),
  OTP_EXPIRATION_MINUTES: count(10, 10),
  OTP_MAX_ATTEMPTS: count(5, 10),
  OTP_MAX_FAILURES_PER_DAY: count(20, 100),
  OTP_FALLBACK: z
    .string()
    .toLowerCase()
    .pipe(list)
    .pipe(z.array(FallbackChannel))
    .refine((channels) => new Set(channels).size === channels.length)
    .default([])
    .register(notes, { problem: "must be whatsapp, voice or both, in the order in which they are tried" }),
  OTP_COOLDOWN_SECONDS: integer(0, 3600)
    .default(60)
    .register(notes, { problem: "must be a whole number from 0 to 3600" }),

  SMS_RATE_LIMIT_PER_NUMBER: count(5),
  SMS_RATE_LIMIT_WINDOW: count(3600, DAY_SECONDS),
  SMS_RATE_LIMIT_PER_DAY: count(10),
  SMS_RATE_LIMIT_PER_SUBJECT: count(5),
  SMS_RATE_LIMIT_PER_CLIENT: count(20),
  SMS_RATE_LIMIT_PER_CLIENT_BEARER: count(200),
  SMS_RATE_LIMIT_PER_BLOCK: count(30),
  SMS_RATE_LIMIT_GLOBAL: count(1000),
  SMS_TRY_LIMIT_PER_NUMBER: count(20),
  EMAIL_RATE_LIMIT_PER_ADDRESS: count(5),

  WEBHOOK_ALLOW_PRIVATE: flag().default(false).register(notes, FLAG),

  GATEWAY_URL: httpUrl().optional().register(notes, HTTP_URL),
  GATEWAY_KEY: z
    .string()
    .regex(/^sk_\S+$/)
    .optional()
    .register(notes, { problem: "must be an API key, which begins with sk_", secret: true }),
});

export type Env = Readonly<z.output<typeof Env>>;
export type VariableName = keyof Env;

export const VARIABLE_NAMES = Env.keyof().options;

const notesOf = (name: VariableName): Notes => {
  const found = notes.get(Env.shape[name]);
  if (found === undefined) throw new Error(`${name} has no notes`);
  return found;
};

/** The sentence for a value that does not fit. */
export const shapeProblem = (name: VariableName): string => notesOf(name).problem;

/** Tells whether `X_FILE` is read for this variable. */
export const isSecret = (name: VariableName): boolean => notesOf(name).secret === true;

export const isPlaceholder = (name: VariableName, value: string): boolean =>
  notesOf(name).placeholders?.includes(value) === true;
