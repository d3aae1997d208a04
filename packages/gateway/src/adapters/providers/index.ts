import { createDisabled } from "./disabled.ts";
import { createSimulation } from "./simulation.ts";
import { createSmtp } from "./smtp.ts";
import { createTwilio } from "./twilio.ts";

/** Every way of sending there is; each carries its channels. */
export const PROVIDERS = {
  simulation: { channels: ["sms", "email"], create: createSimulation },
  twilio: { channels: ["sms"], create: createTwilio },
  disabled: { channels: ["sms", "email"], create: createDisabled },
  smtp: { channels: ["email"], create: createSmtp },
} as const;
