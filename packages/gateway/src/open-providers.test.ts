import { describe, expect, it } from "vitest";
import { loadConfig } from "./config.ts";
import { openProviders } from "./open-providers.ts";

const VONAGE = { VONAGE_API_KEY: "abcd1234", VONAGE_API_SECRET: "secret", VONAGE_FROM: "+13105550100" };
const INFOBIP = {
  ...{ INFOBIP_API_KEY: "key", INFOBIP_BASE_URL: "https://x.api.infobip.com", INFOBIP_FROM: "85432" },
};
const TWILIO = {
  ...{ TWILIO_ACCOUNT_SID: `AC${"0a1b2c3d".repeat(4)}`, TWILIO_AUTH_TOKEN: "token" },
  TWILIO_FROM_NUMBER: "+13105550100",
};
const HTTP = { HTTP_PROVIDER_FILE: "aggregator.json" };
const FILE = JSON.stringify({ request: { url: "https://a.example/?to={{to}}&text={{text}}", method: "GET" } });

const clock = { now: Date.now, sleep: async () => undefined };
const simulation = {
  write: () => undefined,
  onReceipt: () => undefined,
} as unknown as Parameters<typeof openProviders>[1]["simulation"];

const openedWith = async (env: Readonly<Record<string, string>>) => {
  const config = loadConfig({ ENVIRONMENT: "test", ...env }, { rootFolder: "/srv/gateway", readFile: () => FILE });
  const providers = await openProviders(config, { clock, simulation });
  await Promise.all(providers.map((provider) => provider.close?.()));
  return providers.map(({ id, channel, simulated }) => `${id} ${channel}${simulated ? " (simulated)" : ""}`);
};

describe("the providers", () => {
  it("of SMS come in the order of the documentation", async () => {
    const opened = await openedWith({ ...HTTP, ...INFOBIP, ...VONAGE, ...TWILIO });
    expect(opened.slice(0, 4)).toEqual(["twilio sms", "vonage sms", "infobip sms", "http sms"]);
  });

  it.each([
    ["vonage", VONAGE],
    ["infobip", INFOBIP],
    ["http", HTTP],
  ])("%s alone leaves nothing but e-mail to the simulation", async (id, env) => {
    const opened = await openedWith(env);
    expect(opened).toHaveLength(2);
    expect(opened[0]).toBe(`${id} sms`);
    expect(opened[1]).toMatch(/ email \(simulated\)$/);
  });

  it("are all simulated without any account", async () => {
    const opened = await openedWith({});
    expect(opened).toHaveLength(4);
    for (const provider of opened) expect(provider).toContain("(simulated)");
  });
});
