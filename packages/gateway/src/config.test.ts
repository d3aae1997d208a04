import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { isSecret, VARIABLE_NAMES, type VariableName } from "./config/variables.ts";
import { type Config, ConfigError, loadConfig } from "./config.ts";

type Settings = Readonly<Partial<Record<string, string>>>;

const proofKeyPem = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
const rsaKeyPem = generateKeyPairSync("rsa", { modulusLength: 2048 })
  .privateKey.export({ type: "pkcs8", format: "pem" })
  .toString();

const TWILIO = {
  TWILIO_ACCOUNT_SID: `AC${"0a1b2c3d".repeat(4)}`,
  TWILIO_AUTH_TOKEN: "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
  TWILIO_FROM_NUMBER: "+13105550100",
} as const;

const PRODUCTION = {
  ENVIRONMENT: "production",
  ...TWILIO,
  SECRET_KEY: "hK3vQ9zL1xT7bN5mR2wY8cD4fG6jP0sA",
  OTP_SECRET: "aS9dF8gH7jK6lZ5xC4vB3nM2qW1eR0tY",
  PROOF_PRIVATE_KEY: proofKeyPem,
  TRUST_PROXY: "10.0.0.0/8",
  SMTP_URL: "smtps://mail.shop.example",
  EMAIL_FROM: "no-reply@shop.example",
  PUBLIC_URL: "https://sms.shop.example",
} as const;

interface Surroundings {
  readonly files?: Settings;
  readonly checkBrand?: (brand: string, webotpHost?: string) => readonly string[];
}

const load = (env: Settings, { files = {}, checkBrand }: Surroundings = {}): Config =>
  loadConfig(env, {
    rootFolder: "/srv/gateway",
    readFile: (path) => {
      const text = files[path];
      if (text === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
      return text;
    },
    ...(checkBrand === undefined ? {} : { checkBrand }),
  });

const problemsOf = (env: Settings, surroundings?: Surroundings): ConfigError["problems"] => {
  try {
    load(env, surroundings);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
};

const namesOf = (env: Settings, surroundings?: Surroundings): readonly string[] =>
  problemsOf(env, surroundings)
    .map((p) => p.name)
    .sort();

describe("without any setting", () => {
  const config = load({});

  it("runs a development gateway on this machine, in simulation", () => {
    expect(config.environment).toBe("development");
    expect(config.isProduction).toBe(false);
    expect(config.http).toEqual({
      host: "127.0.0.1",
      port: 8000,
      publicUrl: undefined,
      corsOrigins: [],
      trustProxy: [],
      allowedHosts: ["localhost", "127.0.0.1", "[::1]"],
    });
    expect(config.twilio).toBeUndefined();
    expect(config.smtp).toBeUndefined();
    expect(config.metrics).toBeUndefined();
    expect(config.log.level).toBe("warn");
    expect(config.auth.openVerification).toBe(true);
    expect(config.enabled).toEqual({ sms: true, whatsapp: true, voice: true, email: true });
    expect(config.cli).toEqual({ gatewayUrl: "http://127.0.0.1:8000", gatewayKey: undefined });
    expect(config.warnings).toEqual([]);
  });

  it("has the defaults of the documented table", () => {
    expect(config.policy).toEqual({
      codeLength: 6,
      fallback: [],
      codeLifeMs: 600_000,
      maxAttempts: 5,
      maxFailuresPerDay: 20,
      brand: "MeStore",
      webotpHost: undefined,
      defaultLocale: "es",
      allowedCountries: ["CO"],
    });
    expect(config.limits).toEqual({
      cooldownMs: 60_000,
      perNumber: 5,
      numberWindowMs: 3_600_000,
      perNumberPerDay: 10,
      triesPerNumber: 20,
      perSubject: 5,
      perClientOpen: 20,
      perClientBearer: 200,
      perBlock: 30,
      global: 1000,
      perEmail: 5,
      perEmailPerDay: 10,
      ignoresLoopback: true,
    });
  });

  it("keeps the database under the root folder", () => {
    expect(config.store).toEqual({
      database: { engine: "sqlite", path: "/srv/gateway/data/gateway.db" },
      name: "/srv/gateway/data/gateway.db",
      dataFolder: "/srv/gateway/data",
      redisUrl: undefined,
    });
  });

  it("is frozen to the bottom", () => {
    const isFrozen = (value: unknown): boolean =>
      typeof value !== "object" || value === null || (Object.isFrozen(value) && Object.values(value).every(isFrozen));
    expect(isFrozen(config)).toBe(true);
  });
});

describe("in production", () => {
  it("starts when everything is there", () => {
    const config = load(PRODUCTION);
    expect(config.isProduction).toBe(true);
    expect(config.http).toMatchObject({ host: "0.0.0.0", trustProxy: ["10.0.0.0/8"], allowedHosts: undefined });
    expect(config.metrics).toEqual({ host: "127.0.0.1", port: 9464 });
    expect(config.log.level).toBe("info");
    expect(config.auth.openVerification).toBe(false);
    expect(config.limits.ignoresLoopback).toBe(false);
    expect(config.secrets.kind).toBe("complete");
    expect(config.twilio).toMatchObject({ accountSid: TWILIO.TWILIO_ACCOUNT_SID, sender: { from: ["+13105550100"] } });
    expect(config.smtp).toEqual({ url: "smtps://mail.shop.example", from: "no-reply@shop.example" });
    expect(config.warnings).toEqual([]);
  });

  it("names everything that is missing at once", () => {
    expect(namesOf({ ENVIRONMENT: "production" })).toEqual([
      "OTP_SECRET",
      "PROOF_PRIVATE_KEY",
      "SECRET_KEY",
      "SMTP_URL",
      "TRUST_PROXY",
      "TWILIO_ACCOUNT_SID",
      "TWILIO_AUTH_TOKEN",
      "TWILIO_FROM_NUMBER",
    ]);
  });

  it("says what is missing beside what does not fit", () => {
    const { OTP_SECRET: _, ...rest } = PRODUCTION;
    expect(namesOf({ ...rest, PORT: "http", OTP_LENGTH: "3" })).toEqual(["OTP_LENGTH", "OTP_SECRET", "PORT"]);
  });

  it.each<[string, Settings]>([
    ["SECRET_KEY", { SECRET_KEY: "" }],
    ["SECRET_KEY", { SECRET_KEY: "hK3vQ9zL1xT7bN5mR2wY8cD4fG6jP0s" }],
    ["SECRET_KEY", { SECRET_KEY: "your-secret-key-change-in-production-0123456789" }],
    ["SECRET_KEY", { SECRET_KEY: "a".repeat(64) }],
    ["OTP_SECRET", { OTP_SECRET: "short" }],
    ["OTP_SECRET", { OTP_SECRET: "12".repeat(32) }],
    ["OTP_SECRET", { OTP_SECRET: PRODUCTION.SECRET_KEY }],
    ["OTP_SECRET_PREVIOUS", { OTP_SECRET_PREVIOUS: PRODUCTION.OTP_SECRET }],
    ["TRUST_PROXY", { TRUST_PROXY: "" }],
    ["SMTP_URL", { SMTP_URL: "" }],
    ["EMAIL_FROM", { EMAIL_FROM: "" }],
    ["TWILIO_AUTH_TOKEN", { TWILIO_AUTH_TOKEN: "" }],
    ["TWILIO_FROM_NUMBER", { TWILIO_FROM_NUMBER: "+15005550006" }],
    ["SIMULATION_EXPOSED", { SIMULATION_EXPOSED: "true" }],
    ["WEBHOOK_ALLOW_PRIVATE", { WEBHOOK_ALLOW_PRIVATE: "true" }],
  ])("refuses %s in %o", (name, change) => {
    expect(namesOf({ ...PRODUCTION, ...change })).toEqual([name]);
  });

  it.each<[string, Settings]>([
    ["a JWKS in place of SECRET_KEY", { SECRET_KEY: "", JWT_JWKS_URL: "https://shop.example/jwks.json" }],
    ["no SMTP_URL when e-mail is off", { SMTP_URL: "", EMAIL_OTP_ENABLED: "false" }],
    ["no proxy", { TRUST_PROXY: "none" }],
    [
      "a messaging service in place of a number",
      { TWILIO_FROM_NUMBER: "", TWILIO_MESSAGING_SERVICE_SID: `MG${"0a1b2c3d".repeat(4)}` },
    ],
  ])("accepts %s", (_, change) => {
    expect(problemsOf({ ...PRODUCTION, ...change })).toEqual([]);
  });

  it("refuses each placeholder by name, once", () => {
    const placeholders: Settings = {
      TWILIO_ACCOUNT_SID: "your_account_sid_here",
      TWILIO_AUTH_TOKEN: "your_auth_token_here",
      TWILIO_FROM_NUMBER: "+573001234567",
      TWILIO_VERIFY_SERVICE_SID: "optional_verify_service_sid",
      SECRET_KEY: "your_secret_key_here",
      OTP_SECRET: "your_otp_secret_here",
      PROOF_PRIVATE_KEY: "your_proof_private_key_here",
    };
    const problems = problemsOf({ ...PRODUCTION, ...placeholders });
    expect(problems.map((p) => p.name).sort()).toEqual(Object.keys(placeholders).sort());
    for (const { problem } of problems) expect(problem).toContain("placeholder");
  });

  it("warns that without PUBLIC_URL nothing is ever delivered", () => {
    expect(load({ ...PRODUCTION, PUBLIC_URL: "" }).warnings.map((w) => w.name)).toEqual(["PUBLIC_URL"]);
  });

  it("opens verification only when told", () => {
    expect(load({ ...PRODUCTION, OPEN_VERIFICATION: "true" }).auth.openVerification).toBe(true);
  });
});

describe("ENVIRONMENT", () => {
  it.each(["Production", "prod", "staging", "0"])("refuses %s", (environment) => {
    expect(namesOf({ ENVIRONMENT: environment })).toEqual(["ENVIRONMENT"]);
  });

  it.each<Settings>([TWILIO, { SMTP_URL: "smtp://mail.example", EMAIL_FROM: "a@shop.example" }])(
    "must be said once credentials could send real messages: %o",
    (credentials) => {
      expect(namesOf(credentials)).toEqual(["ENVIRONMENT"]);
      expect(namesOf({ ...credentials, ENVIRONMENT: "development" })).toEqual([]);
    },
  );

  it("test listens where development does and counts loopback clients", () => {
    const config = load({ ENVIRONMENT: "test" });
    expect(config.http.host).toBe("127.0.0.1");
    expect(config.limits.ignoresLoopback).toBe(false);
  });
});

describe("simulation", () => {
  it.each(["127.0.0.1", "localhost", "::1"])("listens on %s", (host) => {
    expect(load({ HOST: host }).http.host).toBe(host);
  });

  it.each(["0.0.0.0", "::", "192.168.1.20", "shop.example"])("stays at home instead of %s", (host) => {
    expect(namesOf({ HOST: host })).toEqual(["HOST"]);
    expect(namesOf({ HOST: host, ENVIRONMENT: "test" })).toEqual(["HOST"]);
  });

  it("goes out when told, and answers every Host then", () => {
    const config = load({ HOST: "0.0.0.0", SIMULATION_EXPOSED: "true" });
    expect(config.http).toMatchObject({ host: "0.0.0.0", allowedHosts: undefined });
    expect(config.simulation.isExposed).toBe(true);
  });

  it("takes the placeholders for nothing", () => {
    const config = load({ TWILIO_ACCOUNT_SID: "your_account_sid_here", TWILIO_FROM_NUMBER: "+573001234567" });
    expect(config.twilio).toBeUndefined();
  });

  it.each<[Settings, readonly string[]]>([
    [{ TWILIO_ACCOUNT_SID: "" }, ["TWILIO_ACCOUNT_SID"]],
    [{ TWILIO_AUTH_TOKEN: "your_auth_token_here" }, ["TWILIO_AUTH_TOKEN"]],
    [{ TWILIO_FROM_NUMBER: "+573001234567" }, ["TWILIO_FROM_NUMBER"]],
    [{ TWILIO_AUTH_TOKEN: "", TWILIO_FROM_NUMBER: "" }, ["TWILIO_AUTH_TOKEN", "TWILIO_FROM_NUMBER"]],
  ])("never stands in for half a Twilio account: %o", (change, names) => {
    expect(namesOf({ ENVIRONMENT: "development", ...TWILIO, ...change })).toEqual(names);
  });
});

describe("values", () => {
  it.each<[VariableName, string]>([
    ["PORT", "-1"],
    ["PORT", "65536"],
    ["PORT", "8000.5"],
    ["PORT", "0x1F90"],
    ["METRICS_PORT", "8000"],
    ["HOST", "https://shop.example"],
    ["PUBLIC_URL", "shop.example"],
    ["PUBLIC_URL", "ftp://shop.example"],
    ["PUBLIC_URL", "https://user:pass@shop.example"],
    ["PUBLIC_URL", "https://shop.example/?a=1"],
    ["TRUST_PROXY", "0.0.0.0/0"],
    ["TRUST_PROXY", "::/0"],
    ["TRUST_PROXY", "10.0.0.0/33"],
    ["TRUST_PROXY", "10.0.0.0/8/8"],
    ["TRUST_PROXY", "none, 10.0.0.0/8"],
    ["TRUST_PROXY", "true"],
    ["TRUST_PROXY", ","],
    ["CORS_ORIGINS", "*"],
    ["CORS_ORIGINS", "https://shop.example/"],
    ["CORS_ORIGINS", "null"],
    ["SIMULATION_EXPOSED", "maybe"],
    ["WEBHOOK_ALLOW_PRIVATE", "maybe"],
    ["LOG_LEVEL", "verbose"],
    ["JWT_JWKS_URL", "file:///etc/passwd"],
    ["OPEN_VERIFICATION", "2"],
    ["PROOF_PRIVATE_KEY", "not a key"],
    ["PROOF_PRIVATE_KEY", rsaKeyPem],
    ["DATABASE_URL", "mysql://localhost/gateway"],
    ["DATABASE_URL", "sqlite://data/gateway.db"],
    ["DATABASE_URL", "sqlite::memory:"],
    ["DATABASE_URL", "sqlite:./data/"],
    ["DATABASE_URL", "./data/gateway.db"],
    ["DATABASE_URL", "postgres://localhost"],
    ["DATABASE_URL", "mysql://localhost/gw"],
    ["REDIS_URL", "localhost:6379"],
    ["REDIS_URL", "redis://localhost/one"],
    ["SMS_ENABLED", "quizás"],
    ["SMTP_URL", "mail.shop.example:587"],
    ["SMTP_URL", "https://mail.shop.example"],
    ["EMAIL_FROM", "nobody"],
    ["EMAIL_FROM", "Shop <a@shop.example>\nBcc: b@shop.example"],
    ["EMAIL_FROM", "a@shop.example, b@shop.example"],
    ["APP_NAME", "two\nlines"],
    ["WEBOTP_HOST", "https://shop.example"],
    ["DEFAULT_LOCALE", "fr"],
    ["SMS_ALLOWED_COUNTRIES", "CO,XX"],
    ["SMS_ALLOWED_COUNTRIES", "Colombia"],
    ["OTP_LENGTH", "3"],
    ["OTP_LENGTH", "11"],
    ["OTP_EXPIRATION_MINUTES", "11"],
    ["OTP_EXPIRATION_MINUTES", "0"],
    ["OTP_MAX_ATTEMPTS", "0"],
    ["OTP_MAX_FAILURES_PER_DAY", "101"],
    ["OTP_COOLDOWN_SECONDS", "-1"],
    ["SMS_RATE_LIMIT_PER_NUMBER", "0"],
    ["SMS_RATE_LIMIT_PER_NUMBER", "five"],
    ["SMS_RATE_LIMIT_WINDOW", "86401"],
    ["SMS_RATE_LIMIT_GLOBAL", "1e3"],
    ["GATEWAY_KEY", "secret"],
    ["GATEWAY_URL", "localhost:8000"],
  ])("%s refuses %j", (name, value) => {
    expect(namesOf({ ENVIRONMENT: "test", EMAIL_FROM: "a@shop.example", [name]: value })).toEqual([name]);
  });

  it.each<[VariableName, string, unknown, (config: Config) => unknown]>([
    ["PORT", "0", 0, (c) => c.http.port],
    ["METRICS_PORT", "9000", 9000, (c) => c.metrics?.port],
    ["METRICS_PORT", "0", undefined, (c) => c.metrics],
    ["PUBLIC_URL", "https://shop.example/sms/", "https://shop.example/sms", (c) => c.http.publicUrl],
    ["TRUST_PROXY", "10.0.0.0/8, ::1 fd00::/8", ["10.0.0.0/8", "::1", "fd00::/8"], (c) => c.http.trustProxy],
    ["TRUST_PROXY", "none", [], (c) => c.http.trustProxy],
    [
      "CORS_ORIGINS",
      "https://shop.example,http://localhost:5173",
      ["https://shop.example", "http://localhost:5173"],
      (c) => c.http.corsOrigins,
    ],
    ["SMS_ENABLED", "False", false, (c) => c.enabled.sms],
    ["EMAIL_OTP_ENABLED", "0", false, (c) => c.enabled.email],
    ["OPEN_VERIFICATION", "false", false, (c) => c.auth.openVerification],
    ["LOG_LEVEL", "debug", "debug", (c) => c.log.level],
    ["DATABASE_URL", "sqlite:./other/file.db", "/srv/gateway/other/file.db", (c) => c.store.name],
    ["DATABASE_URL", "postgres://gw:pass@db.internal/shop", "PostgreSQL db.internal:5432/shop", (c) => c.store.name],
    ["DATABASE_URL", "postgresql://[::1]:6000/gw?ssl=1", "PostgreSQL [::1]:6000/gw", (c) => c.store.name],
    ["DATABASE_URL", "postgres://db.internal/shop", "/srv/gateway/data", (c) => c.store.dataFolder],
    [
      "REDIS_URL",
      "rediss://:pass@cache.internal:6380/1",
      "rediss://:pass@cache.internal:6380/1",
      (c) => c.store.redisUrl,
    ],
    ["DATABASE_URL", "sqlite:file.db", "/srv/gateway", (c) => c.store.dataFolder],
    ["DATABASE_URL", "sqlite:/var/lib/gw.db", "/var/lib/gw.db", (c) => c.store.name],
    ["SMS_ALLOWED_COUNTRIES", "co, EC", ["CO", "EC"], (c) => c.policy.allowedCountries],
    ["WEBOTP_HOST", "Shop.Example", "shop.example", (c) => c.policy.webotpHost],
    ["OTP_LENGTH", "10", 10, (c) => c.policy.codeLength],
    ["OTP_EXPIRATION_MINUTES", "1", 60_000, (c) => c.policy.codeLifeMs],
    ["OTP_COOLDOWN_SECONDS", "0", 0, (c) => c.limits.cooldownMs],
    ["OTP_MAX_ATTEMPTS", "3", 3, (c) => c.policy.maxAttempts],
    ["OTP_MAX_FAILURES_PER_DAY", "15", 15, (c) => c.policy.maxFailuresPerDay],
    ["SMS_RATE_LIMIT_PER_NUMBER", "7", 7, (c) => c.limits.perNumber],
    ["SMS_RATE_LIMIT_WINDOW", "60", 60_000, (c) => c.limits.numberWindowMs],
    ["SMS_RATE_LIMIT_PER_DAY", "8", 8, (c) => c.limits.perNumberPerDay],
    ["SMS_RATE_LIMIT_PER_SUBJECT", "9", 9, (c) => c.limits.perSubject],
    ["SMS_RATE_LIMIT_PER_CLIENT", "11", 11, (c) => c.limits.perClientOpen],
    ["SMS_RATE_LIMIT_PER_CLIENT_BEARER", "12", 12, (c) => c.limits.perClientBearer],
    ["SMS_RATE_LIMIT_PER_BLOCK", "13", 13, (c) => c.limits.perBlock],
    ["SMS_RATE_LIMIT_GLOBAL", "14", 14, (c) => c.limits.global],
    ["SMS_TRY_LIMIT_PER_NUMBER", "16", 16, (c) => c.limits.triesPerNumber],
    ["EMAIL_RATE_LIMIT_PER_ADDRESS", "50", [50, 50], (c) => [c.limits.perEmail, c.limits.perEmailPerDay]],
    ["EMAIL_RATE_LIMIT_PER_ADDRESS", "2", [2, 10], (c) => [c.limits.perEmail, c.limits.perEmailPerDay]],
    ["DEFAULT_LOCALE", "en", "en", (c) => c.policy.defaultLocale],
    ["APP_NAME", "Otra Tienda", "Otra Tienda", (c) => c.policy.brand],
    ["JWT_JWKS_URL", "https://shop.example/jwks", "https://shop.example/jwks", (c) => c.auth.jwksUrl],
    ["JWT_ISSUER", "shop", "shop", (c) => c.auth.issuer],
    ["JWT_AUDIENCE", "sms", "sms", (c) => c.auth.audience],
    ["SECRET_KEY", "short is fine here", "short is fine here", (c) => c.secrets.secretKey],
    ["OTP_SECRET_PREVIOUS", "older", "older", (c) => c.secrets.otpSecretPrevious],
    ["PROOF_PRIVATE_KEY", proofKeyPem, proofKeyPem, (c) => c.secrets.proofPrivateKey],
    ["PROOF_PRIVATE_KEY", proofKeyPem.replaceAll("\n", "\\n"), proofKeyPem, (c) => c.secrets.proofPrivateKey],
    ["PROOF_PRIVATE_KEY", btoa(proofKeyPem), proofKeyPem, (c) => c.secrets.proofPrivateKey],
    ["GATEWAY_URL", "https://sms.shop.example/", "https://sms.shop.example", (c) => c.cli.gatewayUrl],
    ["GATEWAY_KEY", "sk_abc", "sk_abc", (c) => c.cli.gatewayKey],
    ["PORT", "9001", "http://127.0.0.1:9001", (c) => c.cli.gatewayUrl],
  ])("%s reads %j", (...[name, value, expected, read]) => {
    expect(read(load({ [name]: value }))).toEqual(expected);
  });

  it("reads an empty or blank one as absent, for every variable", () => {
    const empty = Object.fromEntries(VARIABLE_NAMES.map((name, i) => [name, i % 2 === 0 ? "" : "  "]));
    expect(load(empty)).toEqual(load({}));
  });

  it("warns that Redis is of no use to one process with one file", () => {
    const { warnings } = load({ REDIS_URL: "redis://localhost" });
    expect(warnings).toMatchObject([{ name: "REDIS_URL" }]);
    expect(load({ REDIS_URL: "redis://localhost", DATABASE_URL: "postgres://localhost/gw" }).warnings).toEqual([]);
  });

  it("prefers the messaging service, and sends to the API it is told", () => {
    const messagingServiceSid = `MG${"0a1b2c3d".repeat(4)}`;
    const config = load({
      ENVIRONMENT: "test",
      ...TWILIO,
      TWILIO_MESSAGING_SERVICE_SID: messagingServiceSid,
      TWILIO_API_BASE_URL: "http://127.0.0.1:4010/",
    });
    expect(config.twilio).toMatchObject({ sender: { messagingServiceSid }, apiBaseUrl: "http://127.0.0.1:4010" });
  });

  const template = `HX${"0a1b2c3d".repeat(4)}`;

  it("calls and writes to WhatsApp for the same account", () => {
    const others = { TWILIO_VOICE_FROM: "+13105550101", TWILIO_WHATSAPP_FROM: "+13105550102" };
    const env = { ENVIRONMENT: "test", ...TWILIO, ...others, TWILIO_WHATSAPP_CONTENT_SID: template };
    const config = load({ ...env, PUBLIC_URL: "https://sms.shop.example" });
    const account = { accountSid: TWILIO.TWILIO_ACCOUNT_SID, authToken: TWILIO.TWILIO_AUTH_TOKEN };
    expect(config.twilioVoice).toEqual({ ...account, from: "+13105550101" });
    expect(config.twilioWhatsapp).toEqual({ ...account, from: "+13105550102", contentSid: template });
    expect(config.warnings).toEqual([]);
  });

  it("says that there are no calls without PUBLIC_URL", () => {
    const { warnings } = load({ ENVIRONMENT: "test", ...TWILIO, TWILIO_VOICE_FROM: "+13105550101" });
    expect(warnings).toMatchObject([{ name: "PUBLIC_URL", problem: expect.stringContaining("calls are off") }]);
  });

  it("needs no SMS sender to call, unless in production", () => {
    const env = { ...TWILIO, TWILIO_FROM_NUMBER: "", TWILIO_VOICE_FROM: "+13105550101" };
    expect(load({ ENVIRONMENT: "test", ...env }).twilio).toBeUndefined();
    expect(namesOf({ ...PRODUCTION, ...env })).toEqual(["TWILIO_FROM_NUMBER"]);
  });

  it.each<readonly [Settings, readonly string[]]>([
    [{ TWILIO_VOICE_FROM: "+13105550101" }, ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"]],
    [{ ...TWILIO, TWILIO_WHATSAPP_FROM: "+13105550102" }, ["TWILIO_WHATSAPP_CONTENT_SID"]],
    [{ ...TWILIO, TWILIO_WHATSAPP_CONTENT_SID: template }, ["TWILIO_WHATSAPP_FROM"]],
    [{ ...TWILIO, TWILIO_VOICE_FROM: "MeStore" }, ["TWILIO_VOICE_FROM"]],
    [
      { ...TWILIO, TWILIO_WHATSAPP_FROM: "whatsapp:+13105550102", TWILIO_WHATSAPP_CONTENT_SID: "HX1" },
      ["TWILIO_WHATSAPP_CONTENT_SID", "TWILIO_WHATSAPP_FROM"],
    ],
  ])("names what a channel of Twilio lacks: %o", (settings, names) => {
    expect(namesOf({ ENVIRONMENT: "test", ...settings })).toEqual(names);
  });

  it("says that Twilio Verify is not used", () => {
    const config = load({ ENVIRONMENT: "test", ...TWILIO, TWILIO_VERIFY_SERVICE_SID: `VA${"0a1b2c3d".repeat(4)}` });
    expect(config.warnings.map((w) => w.name)).toEqual(["TWILIO_VERIFY_SERVICE_SID"]);
  });
});

describe("problems", () => {
  const canaries = Object.fromEntries(VARIABLE_NAMES.map((name, i) => [name, `canary${i}=${"%~".repeat(i + 1)}`]));

  it.each<Settings>([
    canaries,
    { ...canaries, ENVIRONMENT: "production" },
    Object.fromEntries(VARIABLE_NAMES.filter(isSecret).map((name, i) => [`${name}_FILE`, `/canary${i}`])),
    { ...PRODUCTION, TWILIO_TOKENS: "canary", OTP_SECRETS: "canary", SECRET_KEY_FILE: "canary" },
  ])("never show a value", (env) => {
    const problems = problemsOf(env);
    expect(problems.length).toBeGreaterThan(2);
    expect(JSON.stringify(problems)).not.toMatch(/canary|%~/);
    expect(new ConfigError(problems).message).not.toMatch(/canary|%~/);
  });

  it("stand in the message of the error, a line each", () => {
    expect(new ConfigError(problemsOf({ PORT: "x", OTP_LENGTH: "x" })).message).toBe(
      "The configuration has problems:\n  PORT: must be a port, 0 to 65535\n  OTP_LENGTH: must be a whole number from 4 to 10",
    );
  });
});

describe("secrets from files", () => {
  it.each(VARIABLE_NAMES.filter((name) => isSecret(name) && name in PRODUCTION))("%s comes from a file", (name) => {
    const { [name as keyof typeof PRODUCTION]: value, ...rest } = PRODUCTION;
    const files = { "/run/secrets/it": `${value}\n` };
    expect(load({ ...rest, [`${name}_FILE`]: "/run/secrets/it" }, { files })).toEqual(load(PRODUCTION));
  });

  it("start in the root folder when relative", () => {
    const files = { "/srv/gateway/secrets/otp": "from a file" };
    expect(load({ OTP_SECRET_FILE: "secrets/otp" }, { files }).secrets.otpSecret).toBe("from a file");
  });

  it("name the variable of a file that is missing or empty, and nothing else", () => {
    const { OTP_SECRET: _, ...rest } = PRODUCTION;
    expect(namesOf({ ...rest, OTP_SECRET_FILE: "/nowhere" })).toEqual(["OTP_SECRET_FILE"]);
    expect(namesOf({ ...rest, OTP_SECRET_FILE: "/e" }, { files: { "/e": "\n" } })).toEqual(["OTP_SECRET_FILE"]);
  });

  it("are refused beside the variable itself", () => {
    const files = { "/f": "one" };
    expect(namesOf({ OTP_SECRET: "two", OTP_SECRET_FILE: "/f" }, { files })).toEqual(["OTP_SECRET"]);
    expect(namesOf({ OTP_SECRET: "your_otp_secret_here", OTP_SECRET_FILE: "/f" }, { files })).toEqual([]);
    expect(namesOf({ OTP_SECRET: "", OTP_SECRET_FILE: "/f" }, { files })).toEqual([]);
  });
});

describe("unknown names", () => {
  it.each([
    ["TWILIO_ACOUNT_SID", "TWILIO_ACCOUNT_SID"],
    ["TWILIO_AUTH_TOKEN_FIL", "TWILIO_AUTH_TOKEN_FILE"],
    ["SMS_RATE_LIMITS_PER_NUMBERS", "SMS_RATE_LIMIT_PER_NUMBER"],
    ["OTP_SECERT", "OTP_SECRET"],
    ["SMS_ENABLE", "SMS_ENABLED"],
  ])("%s is refused with %s", (typo, known) => {
    expect(problemsOf({ [typo]: "true" })).toEqual([
      { name: typo, problem: `is not a setting; did you mean ${known}?` },
    ]);
  });

  it("further away are warned about", () => {
    const names = load({ SMS_VENDOR: "acme", TWILIO_REGION: "ie1", OTP_ALGORITHM: "x" }).warnings.map((w) => w.name);
    expect(names).toEqual(["OTP_ALGORITHM", "SMS_VENDOR", "TWILIO_REGION"]);
  });

  it("of others are left alone, and so are empty ones", () => {
    expect(load({ HOSTS: "x", PATH: "/bin", DATABASE_URLS: "x", SMS_ENABLE: "" }).warnings).toEqual([]);
  });
});

describe("the brand", () => {
  it("is refused in the words of the check", () => {
    const checkBrand = (brand: string, host?: string) => [`${brand.length} and ${host?.length} do not fit`];
    expect(problemsOf({ APP_NAME: "Tienda", WEBOTP_HOST: "a.co" }, { checkBrand })).toEqual([
      { name: "APP_NAME", problem: "6 and 4 do not fit" },
    ]);
  });

  it("passes when the check finds nothing", () => {
    expect(load({}, { checkBrand: () => [] }).policy.brand).toBe("MeStore");
  });
});
