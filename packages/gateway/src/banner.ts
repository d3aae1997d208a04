import type { RunningGateway } from "./serve.ts";

/** Above this, each commit holds up the event loop for longer than a request should take. */
const SLOW_FSYNC_MS = 2;

const ROLE_WORDS = { all: "API and worker", api: "API", worker: "worker" } as const;

const SMS_VENDORS = [
  ["twilio", "Twilio"],
  ["vonage", "Vonage"],
  ["infobip", "Infobip"],
  ["httpProvider", "HTTP"],
] as const;

const diskLine = (fsyncMs: number): string => {
  const measured = `disk: ${fsyncMs.toFixed(2)} ms per commit`;
  return fsyncMs > SLOW_FSYNC_MS
    ? `${measured}; slow for one SQLite file: use a faster disk, or PostgreSQL (DATABASE_URL)`
    : measured;
};

/** What a person reads when the gateway has started, and what to try first. */
export function banner({ url, config, secrets, fsyncMs, role, version }: RunningGateway): string {
  const page = url.replace("127.0.0.1", "localhost");
  const vendors = SMS_VENDORS.filter(([piece]) => config[piece] !== undefined).map(([, name]) => name);
  const sms = !config.enabled.sms ? "off" : vendors.join(", ") || "simulated";
  const email = !config.enabled.email ? "off" : config.smtp === undefined ? "simulated" : "SMTP";
  const disk = fsyncMs === null ? "" : ` (${diskLine(fsyncMs)})`;
  const lines = [
    `MeStore SMS Gateway ${version} (${config.environment}, ${ROLE_WORDS[role]}): SMS ${sms}, e-mail ${email}`,
    `   database  ${config.store.name}${disk}`,
    `   limits    ${config.store.redisUrl === undefined ? "in the database" : "in Redis, and in the database for numbers"}`,
    ...config.warnings.map(({ name, problem }) => `   warning   ${name}: ${problem}`),
  ];
  if (config.isProduction || role === "worker") return `${[...lines, `   listening on ${url}`].join("\n")}\n`;
  return `${[
    ...lines,
    `   inbox     ${page}/`,
    `   API docs  ${page}/docs`,
    ...(secrets.developmentKey === undefined ? [] : [`   API key   ${secrets.developmentKey} (development only)`]),
    "",
    "   Try first: open the inbox and ask for a code, or:",
    `   curl ${page}/api/v1/auth/send-verification-sms -H 'Content-Type: application/json' -d '{"telefono":"300 123 4567"}'`,
  ].join("\n")}\n\n`;
}
