import type { Locale } from "@mestore/sms-gateway-contract/errors";
import type { OutgoingMessage, SendResult } from "../../../domain/delivery.ts";
import type { VoiceScript } from "../../../domain/voice-script.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Callback, Provider, Reported, VendorDocument } from "../../../ports/provider.ts";
import { toUndelivered } from "../wire/catalogue.ts";
import { toFailure, toRefusal } from "../wire/failure.ts";
import { CALL_ERRORS } from "./channel-errors.ts";
import { createTwilioClient, type TwilioAccount, vendorCodeOf } from "./client.ts";
import { readSignedRequest } from "./signed-request.ts";

const CALL_SID = /^CA[0-9a-f]{32}$/i;

/** Short, so that no mailbox answers and keeps the code: what `Timeout` is for by the vendor's OpenAPI (2010-04-01, read 2026-11). */
const RING_SECONDS = 25;
/** Twice what the longest code takes: nobody pays for a line that was left open. */
const MAX_CALL_SECONDS = 120;

/**
 * Voices that `<Say>` has in each language; one that does not speak the language would fail the call.
 *
 * @see https://www.twilio.com/docs/voice/twiml/say/text-speech (read 2026-11), and `SayVoice` of the SDK 6.2.0
 */
const VOICES = {
  es: { language: "es-MX", voice: "Polly.Mia" },
  en: { language: "en-US", voice: "Polly.Joanna" },
} as const satisfies Record<Locale, object>;

export interface TwilioVoiceSettings extends TwilioAccount {
  /** E.164: a number of the account that can call, or one that it has verified. */
  readonly from: string;
  readonly clock: Clock;
}

/**
 * Calls through Twilio Voice. What is said never goes to the API, which keeps what it gets: the call fetches it from us when
 * the phone is off the hook.
 *
 * @see https://www.twilio.com/docs/voice/api/call-resource
 */
export function createTwilioVoice(settings: TwilioVoiceSettings): Provider {
  const { from, clock } = settings;
  const client = createTwilioClient(settings);

  const call = async (message: OutgoingMessage, signal: AbortSignal): Promise<SendResult> => {
    const { to, scriptUrl, receiptUrl } = message;
    if (scriptUrl === undefined) return toRefusal(CALL_ERRORS, "no_public_url");
    const { value, exchange } = await client.call(signal, (twilio) =>
      twilio.calls.create({
        ...{ to, from, url: scriptUrl, method: "POST", timeout: RING_SECONDS, timeLimit: MAX_CALL_SECONDS },
        // `completed` comes for every end of a call; what comes before says nothing that we keep.
        ...(receiptUrl === undefined ? {} : { statusCallback: receiptUrl, statusCallbackEvent: ["completed"] }),
      }),
    );
    if (value === undefined) {
      const vendorCode = vendorCodeOf(exchange);
      return toFailure(exchange, { catalogue: CALL_ERRORS, vendorCode, now: clock.now() });
    }
    if (typeof value.sid !== "string" || !CALL_SID.test(value.sid)) return { outcome: "unknown" };
    if (value.status === "failed") return toRefusal(CALL_ERRORS, "failed");
    return { outcome: "accepted", providerMessageId: value.sid, sender: from };
  };

  return {
    id: "twilio-voice",
    channel: "voice",
    simulated: false,
    send: call,
    readReceipt: (callback) => readCallReceipt(callback, settings),
    writeScript: async (callback, compose) =>
      (await readSignedRequest(callback, settings)) === null ? null : toTwiml(await compose()),
    explain: (vendorCode) => CALL_ERRORS.get(vendorCode) ?? null,
    check: client.checkAccount,
    close: client.close,
  };
}

/** @see https://www.twilio.com/docs/voice/twiml (read 2026-11: `<Say>`, `<Pause>`, `<Hangup>`) */
async function toTwiml({ locale, segments }: VoiceScript): Promise<VendorDocument> {
  const { VoiceResponse } = (await import("twilio")).default.twiml;
  const response = new VoiceResponse();
  for (const segment of segments) {
    if ("say" in segment) response.say(VOICES[locale], segment.say);
    else response.pause({ length: segment.pauseSeconds });
  }
  response.hangup();
  return { type: "text/xml; charset=utf-8", body: response.toString() };
}

/** How a call ends that nobody heard. */
const UNHEARD: readonly string[] = ["no-answer", "busy", "failed", "canceled"];

/**
 * Reads how a call ended. One that was put down within the first second was heard by nobody.
 *
 * @see https://www.twilio.com/docs/voice/api/call-resource#statuscallback (read 2026-11: `CallDuration`, in seconds, comes with the end)
 */
async function readCallReceipt(callback: Callback, account: TwilioVoiceSettings): Promise<Reported> {
  const form = await readSignedRequest(callback, account);
  if (form === null) return { kind: "forged" };
  const { CallSid: providerMessageId, CallStatus: status, CallDuration: seconds } = form;
  if (typeof providerMessageId !== "string" || typeof status !== "string") return { kind: "malformed" };
  if (status === "completed" && Number(seconds) > 0) {
    return { kind: "receipt", providerMessageId, receipt: { state: "delivered" } };
  }
  if (status !== "completed" && !UNHEARD.includes(status)) return { kind: "nothing" };
  const reason = status === "completed" ? "no_answer" : status.replaceAll("-", "_");
  return { kind: "receipt", providerMessageId, receipt: toUndelivered(CALL_ERRORS, reason) };
}
