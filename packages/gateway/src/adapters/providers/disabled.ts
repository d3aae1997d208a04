import type { Channel } from "@mestore/sms-gateway-contract";
import type { Provider } from "../../ports/provider.ts";

/** Stands where a channel is switched off: it sends nothing, whoever asks. */
export const createDisabled = (channel: Channel): Provider => ({
  id: "disabled",
  channel,
  simulated: false,
  send: async () => ({ outcome: "rejected", code: "delivery_failed", vendorCode: "disabled" }),
  check: async () => ({ ok: false, detail: "this channel is switched off" }),
});
