import type { Channel } from "@mestore/sms-gateway-contract";
import { PROVIDERS } from "./adapters/providers/index.ts";
import type { SimulationSettings } from "./adapters/providers/simulation.ts";
import type { Problem } from "./config/problem.ts";
import { type Config, ConfigError } from "./config.ts";
import type { RouteTable } from "./domain/route.ts";
import type { Clock } from "./ports/clock.ts";
import type { Provider } from "./ports/provider.ts";

export interface ProviderParts {
  readonly clock: Clock;
  readonly simulation: Omit<SimulationSettings, "channel" | "clock">;
}

/** The vendors of SMS, in the order in which they are called without rules. */
export function openSmsVendors(config: Config, clock: Clock): readonly Promise<Provider>[] {
  const { twilio, vonage, infobip, httpProvider } = config;
  return [
    ...(twilio === undefined ? [] : [PROVIDERS.twilio({ ...twilio, clock })]),
    ...(vonage === undefined ? [] : [PROVIDERS.vonage({ ...vonage, clock })]),
    ...(infobip === undefined ? [] : [PROVIDERS.infobip({ ...infobip, clock })]),
    ...(httpProvider === undefined ? [] : [PROVIDERS.http({ definition: httpProvider, clock })]),
  ];
}

/** Every provider that the configuration names, in the order in which a channel without rules calls them. */
export async function openProviders(
  config: Config,
  { clock, simulation }: ProviderParts,
): Promise<readonly Provider[]> {
  const { twilioWhatsapp, twilioVoice, smtp, http, isProduction } = config;
  const simulate = (channel: Channel): Promise<Provider> => PROVIDERS.simulation({ ...simulation, channel, clock });
  const vendors: Promise<Provider>[] = [...openSmsVendors(config, clock)];
  if (twilioWhatsapp !== undefined) vendors.push(PROVIDERS["twilio-whatsapp"]({ ...twilioWhatsapp, clock }));
  // A call reads from us what to say: without an address of ours it would be silent.
  if (twilioVoice !== undefined && http.publicUrl !== undefined) {
    vendors.push(PROVIDERS["twilio-voice"]({ ...twilioVoice, clock }));
  }
  if (smtp !== undefined) vendors.push(PROVIDERS.smtp(smtp));
  const opened = await Promise.all(vendors);
  const missing = (["sms", "whatsapp", "voice", "email"] as const).filter(
    (channel) => !opened.some((provider) => provider.channel === channel),
  );
  // Beside a real provider of SMS nothing pretends to call or to write to the same phones.
  const simulated = missing.filter((channel) => !isProduction && (channel === "email" || missing.includes("sms")));
  return [...opened, ...(await Promise.all(simulated.map(simulate)))];
}

/**
 * The routes of each channel, with the providers that there are.
 *
 * @throws {ConfigError} when a route names one that there is not
 */
export function toRoutes(
  { routes }: Pick<Config, "routes">,
  providers: readonly Pick<Provider, "id" | "channel">[],
): Partial<Record<Channel, RouteTable>> {
  const problems: Problem[] = [];
  const tables: Partial<Record<Channel, RouteTable>> = {};
  for (const channel of ["sms", "whatsapp", "voice"] as const) {
    const ids = providers.filter((provider) => provider.channel === channel).map(({ id }) => id);
    const { providers: order, rules } = routes[channel];
    const named = [...(order ?? []), ...rules.flatMap((rule) => rule.providers)];
    const unknown = [...new Set(named)].filter((id) => !ids.includes(id));
    if (unknown.length > 0) {
      const name = `${channel.toUpperCase()}_PROVIDERS`;
      const there = ids.length === 0 ? "none is configured" : `there are ${ids.join(", ")}`;
      problems.push({ name, problem: `or a route names ${unknown.join(", ")}; ${there}` });
    }
    tables[channel] = { providers: order ?? ids, rules };
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return tables;
}
