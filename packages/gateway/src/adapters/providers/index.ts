import type { Provider } from "../../ports/provider.ts";
import type { SimulationSettings } from "./simulation.ts";
import type { SmtpSettings } from "./smtp.ts";
import type { TwilioSettings } from "./twilio/messaging.ts";

/** Every way of sending there is. Each is loaded when it is used: a vendor's SDK costs time and memory at the start. */
export const PROVIDERS = {
  simulation: async (settings: SimulationSettings): Promise<Provider> =>
    (await import("./simulation.ts")).createSimulation(settings),
  twilio: async (settings: TwilioSettings): Promise<Provider> =>
    (await import("./twilio/messaging.ts")).createTwilio(settings),
  smtp: async (settings: SmtpSettings): Promise<Provider> => (await import("./smtp.ts")).createSmtp(settings),
} as const;
