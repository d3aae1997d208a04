import { countText } from "../../domain/segments.ts";
import { senderProblem } from "../../domain/sender.ts";
import { renderOtp } from "../../domain/templates.ts";
import { type Check, type Finding, fail, ok, type Sender, warn } from "./machine.ts";

const LOCALES = ["es", "en"] as const;
/** Prices are the operator's: without PRICES_FILE nobody knows. */
const UNKNOWN_PRICE = "—";

const account: Check = {
  id: "provider",
  title: "the SMS provider takes the account",
  look: async ({ settings, account: askAccount }) => {
    if (!settings.enabled.sms) return { state: "info", detail: "SMS_ENABLED=false: nothing is sent" };
    const answer = await askAccount("sms");
    if (answer === null) return ok("simulation: nothing leaves this machine");
    const advice =
      "compare the credentials with the vendor's console, such as TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN with console.twilio.com, and see whether the account is active";
    return answer.ok ? ok(answer.detail) : fail(answer.detail, advice);
  },
};

const SENDER_ADVICE =
  "set TWILIO_FROM_NUMBER (VONAGE_FROM, INFOBIP_FROM) to a foreign number that can send there, such as one of +1, or to a short code; or TWILIO_MESSAGING_SERVICE_SID";

/** Tells whether some sender can reach the phones of each country. */
function judgeSender(sender: Sender, allowedCountries: readonly string[]): Finding {
  if ("messagingServiceSid" in sender) {
    return ok("a messaging service chooses; in its pool only short codes and foreign numbers reach Colombia");
  }
  const { from } = sender;
  for (const country of allowedCountries) {
    const problems = from.map((each) => senderProblem(each, country));
    if (!problems.includes(null)) return fail(problems.join("; "), SENDER_ADVICE);
  }
  return ok(`sends from ${from.join(", ")}`);
}

const sender: Check = {
  id: "sender",
  title: "the sender exists for the countries that are allowed",
  look: ({ settings }) =>
    settings.sender === null
      ? ok("simulation: no sender is needed")
      : judgeSender(settings.sender, settings.allowedCountries),
};

const templates: Check = {
  id: "templates",
  title: "each one-time-code text costs one segment",
  look: ({ settings }) => {
    const { brand, webotpHost, codeLength, codeLifeMinutes: minutes, segmentPrice } = settings;
    const price = segmentPrice === null ? UNKNOWN_PRICE : `${segmentPrice.amount} ${segmentPrice.currency}`;
    const measured = LOCALES.map((locale) => {
      const text = renderOtp({ brand, code: "0".repeat(codeLength), minutes, locale, webotpHost });
      return { locale, ...countText(text) };
    });
    const detail = measured
      .map((m) => `${m.locale}: ${m.encoding}, ${m.units} of ${m.unitsPerSegment}, ${m.segments} × ${price}`)
      .join("; ");
    const isCheap = measured.every(({ encoding, segments }) => encoding === "GSM-7" && segments === 1);
    return isCheap
      ? ok(detail)
      : fail(detail, "shorten APP_NAME or WEBOTP_HOST, or spell them in the basic SMS alphabet");
  },
};

const receipts: Check = {
  id: "receipts",
  title: "delivery receipts can reach the gateway",
  look: ({ settings: { publicUrl, sender: from } }) => {
    if (from === null) return ok("simulation: receipts come by themselves");
    if (publicUrl === undefined) {
      const advice = "set PUBLIC_URL to the address under which the world reaches the gateway";
      return warn("PUBLIC_URL is not set: nobody will know what was delivered", advice);
    }
    return publicUrl.startsWith("https:")
      ? ok(publicUrl)
      : warn(
          `${publicUrl} is not https: codes and receipts travel in the clear`,
          "put TLS in front and set PUBLIC_URL to https://…",
        );
  },
};

const email: Check = {
  id: "email",
  title: "the mail server takes the credentials",
  look: async ({ settings, account: askAccount }) => {
    if (!settings.enabled.email) return { state: "info", detail: "EMAIL_OTP_ENABLED=false: nothing is sent" };
    const answer = await askAccount("email");
    if (answer === null) return ok("simulation: nothing leaves this machine");
    return answer.ok ? ok(answer.detail) : fail(answer.detail, "check host, port, user and password of SMTP_URL");
  },
};

/** What sending needs. */
export const PROVIDER_CHECKS: readonly Check[] = [account, sender, templates, receipts, email];
