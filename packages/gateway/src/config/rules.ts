import type { Problem } from "./problem.ts";
import type { Env, VariableName } from "./variables.ts";

/** An environment on its way: variables whose value did not fit are absent from `values`. */
interface Draft {
  readonly values: Partial<Env>;
  /** Given by somebody, whether it fits or not; placeholders are not. */
  readonly isGiven: (name: VariableName) => boolean;
}

type Rule = (draft: Draft) => readonly Problem[];

const MIN_SECRET_CHARS = 32;
/** A random secret of that length has more; `aaaa…` and `1234…1234` have not. */
const MIN_DISTINCT_CHARS = 8;
const KNOWN_DEFAULT = /change.?(me|this|in.?prod)|your.?(secret|super|jwt|otp)|placeholder|insecure/i;

const LOOPBACK_HOSTS: readonly string[] = ["127.0.0.1", "localhost", "::1"];

const isProduction = ({ values }: Draft): boolean => values.ENVIRONMENT === "production";

/** With these, messages really leave. */
const CREDENTIALS = [
  ...(["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "VONAGE_API_KEY", "VONAGE_API_SECRET", "INFOBIP_API_KEY"] as const),
  ...(["HTTP_PROVIDER_FILE", "SMTP_URL"] as const),
] as const;

/** Tells whether a vendor other than Twilio sends SMS. */
const hasOtherSms = ({ isGiven }: Draft): boolean =>
  (["VONAGE_API_KEY", "INFOBIP_API_KEY", "HTTP_PROVIDER_FILE"] as const).some(isGiven);

const environmentIsSaid: Rule = ({ isGiven }) => {
  const credentials = CREDENTIALS.filter(isGiven);
  if (isGiven("ENVIRONMENT") || credentials.length === 0) return [];
  const problem = `must be development, test or production when ${credentials.join(" and ")} can send real messages`;
  return [{ name: "ENVIRONMENT", problem }];
};

const simulationStaysHome: Rule = (draft) => {
  const { HOST, SIMULATION_EXPOSED } = draft.values;
  if (isProduction(draft)) {
    return SIMULATION_EXPOSED === true
      ? [{ name: "SIMULATION_EXPOSED", problem: "has no place in production, which simulates nothing" }]
      : [];
  }
  if (HOST === undefined || LOOPBACK_HOSTS.includes(HOST) || SIMULATION_EXPOSED === true) return [];
  return [{ name: "HOST", problem: "must be 127.0.0.1 outside production, unless SIMULATION_EXPOSED=true" }];
};

/** Half an account silently simulating is how messages get lost: it is all of it or nothing. */
const twilioIsWhole: Rule = (draft) => {
  const { isGiven } = draft;
  const parts = [
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_FROM_NUMBER",
    "TWILIO_MESSAGING_SERVICE_SID",
    "TWILIO_VERIFY_SERVICE_SID",
  ] as const;
  const others = (["TWILIO_VOICE_FROM", "TWILIO_WHATSAPP_FROM"] as const).filter(isGiven);
  const started = parts.some(isGiven) || others.length > 0;
  if (!started && (!isProduction(draft) || hasOtherSms(draft))) return [];
  const why = started ? "is missing; Twilio needs it" : "is missing; production needs a real provider";
  const missing: Problem[] = [];
  for (const name of ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"] as const) {
    if (!isGiven(name)) missing.push({ name, problem: why });
  }
  // An account that calls or writes to WhatsApp may leave the SMS alone, as long as nobody depends on them.
  const needsSender = others.length === 0 || (isProduction(draft) && !hasOtherSms(draft));
  if (needsSender && !isGiven("TWILIO_FROM_NUMBER") && !isGiven("TWILIO_MESSAGING_SERVICE_SID")) {
    missing.push({ name: "TWILIO_FROM_NUMBER", problem: `${why}, or TWILIO_MESSAGING_SERVICE_SID in its place` });
  }
  return missing;
};

/** A business writes first on WhatsApp only with an approved template. */
const whatsappIsWhole: Rule = ({ isGiven }) => {
  const [from, template] = ["TWILIO_WHATSAPP_FROM", "TWILIO_WHATSAPP_CONTENT_SID"] as const;
  if (isGiven(from) === isGiven(template)) return [];
  const [given, missing] = isGiven(from) ? [from, template] : [template, from];
  return [{ name: missing, problem: `is missing; ${given} needs it` }];
};

const isWhole =
  (vendor: string, needed: readonly VariableName[], optional: readonly VariableName[] = []): Rule =>
  ({ isGiven }) =>
    [...needed, ...optional].some(isGiven)
      ? needed.filter((name) => !isGiven(name)).map((name) => ({ name, problem: `is missing; ${vendor} needs it` }))
      : [];

const vonageIsWhole = isWhole(
  "Vonage",
  ["VONAGE_API_KEY", "VONAGE_API_SECRET", "VONAGE_FROM"],
  ["VONAGE_SIGNATURE_SECRET"],
);
const infobipIsWhole = isWhole("Infobip", ["INFOBIP_API_KEY", "INFOBIP_BASE_URL", "INFOBIP_FROM"]);

const emailHasSender: Rule = ({ isGiven }) =>
  isGiven("SMTP_URL") && !isGiven("EMAIL_FROM")
    ? [{ name: "EMAIL_FROM", problem: "is missing; SMTP_URL needs it" }]
    : [];

const portsDiffer: Rule = ({ values: { PORT, METRICS_PORT } }) =>
  METRICS_PORT !== undefined && METRICS_PORT !== 0 && METRICS_PORT === PORT
    ? [{ name: "METRICS_PORT", problem: "must differ from PORT" }]
    : [];

const secretsDiffer: Rule = ({ values: { OTP_SECRET, OTP_SECRET_PREVIOUS, SECRET_KEY } }) => {
  if (OTP_SECRET === undefined) return [];
  const problems: Problem[] = [];
  if (OTP_SECRET === SECRET_KEY) problems.push({ name: "OTP_SECRET", problem: "must differ from SECRET_KEY" });
  if (OTP_SECRET === OTP_SECRET_PREVIOUS) {
    problems.push({ name: "OTP_SECRET_PREVIOUS", problem: "must differ from OTP_SECRET" });
  }
  return problems;
};

const productionIsComplete: Rule = (draft) => {
  if (!isProduction(draft)) return [];
  const { values, isGiven } = draft;
  const missing: Problem[] = [];
  if (!isGiven("SECRET_KEY") && !isGiven("JWT_JWKS_URL")) {
    const problem = "is missing; it verifies the host application's tokens, or set JWT_JWKS_URL in its place";
    missing.push({ name: "SECRET_KEY", problem });
  }
  if (!isGiven("OTP_SECRET")) {
    missing.push({ name: "OTP_SECRET", problem: "is missing; codes are derived from it" });
  }
  if (!isGiven("PROOF_PRIVATE_KEY")) {
    missing.push({ name: "PROOF_PRIVATE_KEY", problem: "is missing; it signs the proof of a verification" });
  }
  if (!isGiven("TRUST_PROXY")) {
    const problem = "is missing; give the CIDRs of the proxies before the gateway, or none";
    missing.push({ name: "TRUST_PROXY", problem });
  }
  if (!isGiven("SMTP_URL") && values.EMAIL_OTP_ENABLED !== false) {
    missing.push({ name: "SMTP_URL", problem: "is missing; give it, or set EMAIL_OTP_ENABLED=false" });
  }
  return missing;
};

const productionSecretsAreStrong: Rule = (draft) => {
  if (!isProduction(draft)) return [];
  const problems: Problem[] = [];
  for (const name of ["SECRET_KEY", "OTP_SECRET"] as const) {
    const secret = draft.values[name];
    if (secret === undefined) continue;
    if (KNOWN_DEFAULT.test(secret)) problems.push({ name, problem: "is a known default; make a random one" });
    else if (secret.length < MIN_SECRET_CHARS) {
      problems.push({ name, problem: `must have at least ${MIN_SECRET_CHARS} characters` });
    } else if (new Set(secret).size < MIN_DISTINCT_CHARS) {
      problems.push({ name, problem: "is too simple; make a random one" });
    }
  }
  return problems;
};

/** From inside, a webhook reaches what nobody outside should: databases, metadata of the cloud. */
const webhooksStayOutside: Rule = (draft) =>
  isProduction(draft) && draft.values.WEBHOOK_ALLOW_PRIVATE === true
    ? [{ name: "WEBHOOK_ALLOW_PRIVATE", problem: "has no place in production, where webhooks stay outside" }]
    : [];

/** @see https://www.twilio.com/docs/iam/test-credentials */
const productionSenderIsReal: Rule = (draft) =>
  isProduction(draft) && draft.values.TWILIO_FROM_NUMBER?.some((from) => from.startsWith("+1500555")) === true
    ? [{ name: "TWILIO_FROM_NUMBER", problem: "is a test number of Twilio, which sends nothing" }]
    : [];

/** What no single variable can know. */
export const RULES: readonly Rule[] = [
  environmentIsSaid,
  simulationStaysHome,
  twilioIsWhole,
  vonageIsWhole,
  infobipIsWhole,
  whatsappIsWhole,
  emailHasSender,
  portsDiffer,
  secretsDiffer,
  productionIsComplete,
  productionSecretsAreStrong,
  productionSenderIsReal,
  webhooksStayOutside,
];

/** What an operator should know although the gateway starts. */
export function findWarnings(env: Env): readonly Problem[] {
  const warnings: Problem[] = [];
  if (env.TWILIO_VERIFY_SERVICE_SID !== undefined) {
    const problem = "is not used by this version; the gateway makes and checks its own codes";
    warnings.push({ name: "TWILIO_VERIFY_SERVICE_SID", problem });
  }
  if (env.VONAGE_API_KEY !== undefined && env.VONAGE_SIGNATURE_SECRET === undefined) {
    const problem = "is not set; receipts of Vonage are off, because none could be believed";
    warnings.push({ name: "VONAGE_SIGNATURE_SECRET", problem });
  }
  if (env.REDIS_URL !== undefined && env.DATABASE_URL.engine === "sqlite") {
    const problem = "makes one process with one file no faster; it is meant for several processes on PostgreSQL";
    warnings.push({ name: "REDIS_URL", problem });
  }
  if (env.TWILIO_VOICE_FROM !== undefined && env.PUBLIC_URL === undefined) {
    const problem = "is not set; calls are off, because TWILIO_VOICE_FROM needs it: Twilio reads there what to say";
    warnings.push({ name: "PUBLIC_URL", problem });
  }
  if (env.ENVIRONMENT !== "production") return warnings;
  if (env.PUBLIC_URL === undefined) {
    const problem = "is not set; delivery receipts are off, and delivered is never claimed";
    warnings.push({ name: "PUBLIC_URL", problem });
  }
  if (env.JWT_JWKS_URL?.startsWith("http:") === true) {
    const problem = "is not https; whoever sits in between can forge tokens";
    warnings.push({ name: "JWT_JWKS_URL", problem });
  }
  return warnings;
}
