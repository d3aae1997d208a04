import type { MessageState } from "@mestore/sms-gateway-contract";
import type { RejectionCode } from "./delivery.ts";

/** Whether another channel of the same number may help. Whoever wants no messages is not looked for elsewhere. */
const HELPS: Readonly<Record<RejectionCode, boolean>> = {
  phone_invalid: false,
  phone_landline: true,
  country_not_allowed: true,
  opted_out: false,
  number_unreachable: true,
  number_inactive: false,
  handset_unreachable: true,
  message_blocked: true,
  message_filtered: true,
  destination_blocked: true,
  channel_unavailable: true,
  whatsapp_missing: true,
  carrier_congested: true,
  send_in_progress: false,
  rate_limited: false,
  email_refused: false,
  delivery_failed: true,
};

/** Tells whether a message ended so that the next channel of its verification takes over. */
export const callsForFallback = ({
  state,
  errorCode,
}: {
  readonly state: MessageState;
  readonly errorCode: RejectionCode | null;
}): boolean => (state === "failed" || state === "undelivered") && errorCode !== null && HELPS[errorCode];
