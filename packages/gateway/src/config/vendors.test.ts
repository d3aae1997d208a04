import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type Config, ConfigError, loadConfig } from "../config.ts";

type Settings = Readonly<Record<string, string>>;

const VONAGE = { VONAGE_API_KEY: "abcd1234", VONAGE_API_SECRET: "secret", VONAGE_FROM: "+13105550100" };
const INFOBIP = {
  ...{ INFOBIP_API_KEY: "key", INFOBIP_BASE_URL: "https://x.api.infobip.com/", INFOBIP_FROM: "85432" },
};
const HTTP = { HTTP_PROVIDER_FILE: "secrets/aggregator.json" };
const FILE = JSON.stringify({ request: { url: "https://a.example/?to={{to}}&text={{text}}", method: "GET" } });

const PRODUCTION = {
  ENVIRONMENT: "production",
  SECRET_KEY: "hK3vQ9zL1xT7bN5mR2wY8cD4fG6jP0sA",
  OTP_SECRET: "aS9dF8gH7jK6lZ5xC4vB3nM2qW1eR0tY",
  PROOF_PRIVATE_KEY: generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  ...{ TRUST_PROXY: "none", EMAIL_OTP_ENABLED: "false", PUBLIC_URL: "https://sms.shop.example" },
};

const load = (env: Settings, file: string | null = FILE): Config =>
  loadConfig(env, {
    rootFolder: "/srv/gateway",
    readFile: (path) => {
      if (path !== "/srv/gateway/secrets/aggregator.json" || file === null) {
        throw Object.assign(new Error("ENOENT"), { code: "ENOENT" });
      }
      return file;
    },
  });

const problemsOf = (env: Settings, file?: string | null): ConfigError["problems"] => {
  try {
    load(env, file);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
};

const namesOf = (env: Settings): readonly string[] =>
  problemsOf(env)
    .map(({ name }) => name)
    .sort();

describe("vendors of SMS besides Twilio", () => {
  it("become pieces of the configuration", () => {
    const config = load({ ENVIRONMENT: "test", ...VONAGE, ...INFOBIP, ...HTTP, VONAGE_SIGNATURE_SECRET: "s" });
    expect(config.vonage).toEqual({
      ...{ apiKey: "abcd1234", apiSecret: "secret", from: "+13105550100", signatureSecret: "s" },
      apiBaseUrl: undefined,
    });
    expect(config.infobip).toEqual({ apiKey: "key", baseUrl: "https://x.api.infobip.com", from: "85432" });
    expect(config.httpProvider?.request.method).toBe("GET");
    expect(config.twilio).toBeUndefined();
    expect(load({}).httpProvider).toBeUndefined();
  });

  it.each<Settings>([VONAGE, INFOBIP, HTTP])("suffice for production: %o", (vendor) => {
    expect(namesOf({ ...PRODUCTION, ...vendor })).toEqual([]);
  });

  it("are asked for by Twilio's name when there is none at all", () => {
    expect(namesOf(PRODUCTION)).toEqual(["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM_NUMBER"]);
  });

  it.each<Settings>([VONAGE, INFOBIP, HTTP])("make somebody say the environment: %o", (vendor) => {
    expect(namesOf(vendor)).toEqual(["ENVIRONMENT"]);
  });

  it.each([
    ["VONAGE_API_KEY", VONAGE],
    ["VONAGE_API_SECRET", VONAGE],
    ["VONAGE_FROM", VONAGE],
    ["INFOBIP_API_KEY", INFOBIP],
    ["INFOBIP_BASE_URL", INFOBIP],
    ["INFOBIP_FROM", INFOBIP],
  ])("are not half an account: without %s", (missing, vendor) => {
    expect(namesOf({ ENVIRONMENT: "test", ...vendor, [missing]: "" })).toEqual([missing]);
  });

  it("do not begin with a signature secret alone, and are warned about without one", () => {
    expect(namesOf({ ENVIRONMENT: "test", VONAGE_SIGNATURE_SECRET: "s" })).toEqual(Object.keys(VONAGE).sort());
    const { warnings } = load({ ENVIRONMENT: "test", ...VONAGE });
    expect(warnings.map(({ name }) => name)).toEqual(["VONAGE_SIGNATURE_SECRET"]);
  });

  it.each([
    ["VONAGE_API_KEY", "a:b"],
    ["VONAGE_FROM", "a name that is too long"],
    ["VONAGE_API_BASE_URL", "api.nexmo.com"],
    ["INFOBIP_BASE_URL", "x.api.infobip.com"],
    ["INFOBIP_FROM", "+57 300"],
  ])("%s refuses %j", (name, value) => {
    expect(namesOf({ ENVIRONMENT: "test", ...VONAGE, ...INFOBIP, [name]: value })).toEqual([name]);
  });

  it.each([
    ["VONAGE_API_SECRT", "VONAGE_API_SECRET"],
    ["INFOBIP_FORM", "INFOBIP_FROM"],
    ["HTTP_PROVIDER_FIL", "HTTP_PROVIDER_FILE"],
  ])("find the slip of the finger in %s", (typo, known) => {
    expect(problemsOf({ [typo]: "x" })).toEqual([{ name: typo, problem: `is not a setting; did you mean ${known}?` }]);
  });
});

describe("HTTP_PROVIDER_FILE", () => {
  const env = { ENVIRONMENT: "test", ...HTTP };

  it("says that it cannot be read, and what is wrong in it, place by place", () => {
    const name = "HTTP_PROVIDER_FILE";
    expect(problemsOf(env, null)).toEqual([{ name, problem: "names a file that cannot be read (ENOENT)" }]);
    expect(problemsOf(env, "{")).toEqual([{ name, problem: "is not JSON" }]);
    const file = JSON.stringify({ request: { url: "canary" }, messageId: {}, errors: { E1: { class: "canary" } } });
    const problems = problemsOf(env, file);
    expect(problems.map(({ problem }) => problem.split(":")[0])).toEqual([
      ...["request.url", "messageId", "errors.E1.class", "errors.E1.es", "errors.E1.en"],
    ]);
    expect(JSON.stringify(problems)).not.toContain("canary");
  });
});
