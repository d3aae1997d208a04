import type { Locale } from "@mestore/sms-gateway-contract/errors";

/** One step of what a call says. */
export type VoiceSegment = { readonly say: string } | { readonly pauseSeconds: number };

/** What a call says from beginning to end; it hangs up after the last segment. */
export interface VoiceScript {
  readonly locale: Locale;
  readonly segments: readonly VoiceSegment[];
}
