import { type Chapter, fail, pass, refusedWith, type Step, unexpected } from "./kit.ts";

const status: Step = {
  name: "the gateway says how it is",
  run: async ({ gateway }) => {
    const answer = await gateway.status();
    if (!answer.ok) return unexpected("GET /v1/status", answer);
    const { version, environment, simulation, smsEnabled } = answer.data;
    if (!smsEnabled) return fail("SMS are switched off (SMS_ENABLED=false)");
    return pass(`version ${version}, ${environment}, ${simulation ? "simulation" : "real SMS"}`);
  },
};

const providers: Step = {
  name: "no provider is given up on",
  run: async ({ gateway }) => {
    const answer = await gateway.status();
    if (!answer.ok) return unexpected("GET /v1/status", answer);
    const open = answer.data.providers.filter(({ breaker }) => breaker === "open").map(({ provider }) => provider);
    return open.length === 0 ? pass("every breaker is closed") : fail(`the breaker of ${open.join(", ")} is open`);
  },
};

const smsStatus: Step = {
  name: "the MeStore API says how SMS are",
  run: async ({ auth }) => {
    const answer = await auth.smsStatus();
    if (!answer.ok) return unexpected("GET /api/v1/sms/status", answer);
    const { rate_limiting_enabled, rate_limit_per_number, rate_limit_window_seconds, twilio_connection } = answer.data;
    if (!rate_limiting_enabled) return fail("rate limiting is off");
    if (twilio_connection === "failed") return fail("the provider refuses the account; see: sms-gateway doctor");
    return pass(`${twilio_connection}, ${rate_limit_per_number} SMS per ${rate_limit_window_seconds} s and number`);
  },
};

const noKey: Step = {
  name: "a key that nobody made opens nothing",
  run: async ({ stranger }) => refusedWith(await stranger.status(), "credentials_invalid"),
};

export const SERVICE: Chapter = {
  title: "service",
  isSending: false,
  steps: [status, providers, smsStatus, noKey],
};
