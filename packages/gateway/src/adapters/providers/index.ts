import type { Provider } from "../../ports/provider.ts";
import type { HttpSettings } from "./http/aggregator.ts";
import type { InfobipSettings } from "./infobip/sms.ts";
import type { SimulationSettings } from "./simulation.ts";
import type { SmtpSettings } from "./smtp.ts";
import type { TwilioSettings } from "./twilio/messaging.ts";
import type { TwilioVoiceSettings } from "./twilio/voice.ts";
import type { TwilioWhatsappSettings } from "./twilio/whatsapp.ts";
import type { VonageSettings } from "./vonage/messages.ts";

/** Every way of sending there is. Each is loaded when it is used: a vendor's SDK costs time and memory at the start. */
export const PROVIDERS = {
  simulation: async (settings: SimulationSettings): Promise<Provider> =>
    (await import("./simulation.ts")).createSimulation(settings),
  twilio: async (settings: TwilioSettings): Promise<Provider> =>
    (await import("./twilio/messaging.ts")).createTwilio(settings),
  "twilio-whatsapp": async (settings: TwilioWhatsappSettings): Promise<Provider> =>
    (await import("./twilio/whatsapp.ts")).createTwilioWhatsapp(settings),
  "twilio-voice": async (settings: TwilioVoiceSettings): Promise<Provider> =>
    (await import("./twilio/voice.ts")).createTwilioVoice(settings),
  vonage: async (settings: VonageSettings): Promise<Provider> =>
    (await import("./vonage/messages.ts")).createVonage(settings),
  infobip: async (settings: InfobipSettings): Promise<Provider> =>
    (await import("./infobip/sms.ts")).createInfobip(settings),
  http: async (settings: HttpSettings): Promise<Provider> =>
    (await import("./http/aggregator.ts")).createHttp(settings),
  smtp: async (settings: SmtpSettings): Promise<Provider> => (await import("./smtp.ts")).createSmtp(settings),
} as const;
