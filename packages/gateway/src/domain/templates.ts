import type { TemplateReport } from "@mestore/sms-gateway-contract";
import type { Locale } from "@mestore/sms-gateway-contract/errors";
import { AppError } from "./app-error.ts";
import { countText, isBasicGsm7, toGsm7Suggestion } from "./segments.ts";
import type { VoiceScript, VoiceSegment } from "./voice-script.ts";

type Texts = Readonly<Record<Locale, string>>;

/** Writes values into their `{placeholders}`; a placeholder without a value stays as it is. */
const fill = (text: string, values: Readonly<Record<string, string | number>>): string =>
  text.replace(/\{(\w+)\}/g, (whole, name: string) => (Object.hasOwn(values, name) ? String(values[name]) : whole));

export interface OtpText {
  /** `APP_NAME`, checked by `otpBrandProblems` at the start. */
  readonly brand: string;
  readonly code: string;
  /** Life that remains; rounded up, at least 1. */
  readonly minutes: number;
  readonly locale: Locale;
}

const toWholeMinutes = (minutes: number): number => Math.max(1, Math.ceil(minutes));

/** 59 septets besides the brand, with 10 digits and 10 minutes: the WebOTP line takes 15 more, so 86 remain of 160. */
const OTP_SMS: Texts = {
  es: "{brand}: {code} es tu clave. Vence en {minutes} min. No la compartas.",
  en: "{brand} code: {code}. Expires in {minutes} min. Do not share it.",
};
const MAX_BRAND_AND_HOST = 86;
const HOST = /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/;

/**
 * Writes the SMS that carries a code: one GSM-7 segment, and no word of any caller.
 *
 * @param otp with `webotpHost`, the last line lets the browser of that host fill the code in
 * @see https://wicg.github.io/sms-one-time-codes/ (origin-bound codes: last line `@host #code`)
 */
export function renderOtp(otp: OtpText & { readonly webotpHost?: string | undefined }): string {
  const { brand, code, minutes, locale, webotpHost } = otp;
  const text = fill(OTP_SMS[locale], { brand, code, minutes: toWholeMinutes(minutes) });
  return webotpHost === undefined ? text : `${text}\n\n@${webotpHost} #${code}`;
}

/** Quotes a letter, or gives its code point when nobody could see it. */
const nameLetter = (letter: string): string =>
  /[\p{C}\p{Z}\p{M}]/u.test(letter)
    ? `U+${(letter.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`
    : `"${letter}"`;

/** Says, in English for an operator, why a brand and a WebOTP host do not fit an OTP of one segment; empty when they do. */
export function otpBrandProblems(brand: string, webotpHost?: string): readonly string[] {
  const problems: string[] = [];
  const letters = [...new Set(brand)].filter((letter) => !isBasicGsm7(letter) || /\p{Cc}/u.test(letter));
  if (brand.trim() === "") problems.push("the brand is empty");
  if (letters.length > 0) {
    problems.push(`the brand has ${letters.map(nameLetter).join(", ")}, outside the basic GSM-7 alphabet`);
  }
  if (webotpHost !== undefined && !HOST.test(webotpHost)) problems.push("the WebOTP host is not a host name");
  const units = [...brand].length + (webotpHost?.length ?? 0);
  if (units > MAX_BRAND_AND_HOST) {
    problems.push(`the brand and the WebOTP host take ${units} characters together, and ${MAX_BRAND_AND_HOST} fit`);
  }
  return problems;
}

const OTP_EMAIL = {
  subject: { es: "Su código de verificación de {brand}", en: "Your {brand} verification code" },
  lead: { es: "Use este código para verificar su email:", en: "Use this code to verify your e-mail:" },
  life: { es: "Vence en {minutes} min y sirve una sola vez.", en: "It expires in {minutes} min and works once." },
  warning: {
    es: "No lo comparta con nadie: {brand} nunca se lo pedirá. Si usted no lo solicitó, ignore este mensaje.",
    en: "Do not share it with anyone: {brand} will never ask for it. If you did not request it, ignore this message.",
  },
} as const satisfies Record<string, Texts>;

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign);

const FONT = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";

/** Lays out the e-mail with inline styles and a table, which every mail program understands. No image, no link. */
const otpEmailHtml = (locale: Locale, parts: Readonly<Record<string, string>>): string =>
  fill(
    `<!doctype html>
<html lang="${locale}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{subject}</title>
</head>
<body style="margin:0;padding:0;background:#f3f4f6;${FONT};color:#111827">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="background:#f3f4f6"><tr><td align="center" style="padding:32px 16px">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:480px;background:#ffffff;border-radius:12px;border:1px solid #e5e7eb"><tr><td style="padding:32px">
<p style="margin:0 0 24px;font-size:18px;font-weight:700">{brand}</p>
<p style="margin:0 0 16px;font-size:16px;line-height:24px">{lead}</p>
<p style="margin:0 0 16px;padding:16px 8px;background:#f3f4f6;border-radius:8px;text-align:center;font-family:ui-monospace,Menlo,Consolas,monospace;font-size:32px;line-height:40px;font-weight:700;letter-spacing:4px">{code}</p>
<p style="margin:0 0 24px;font-size:16px;line-height:24px">{life}</p>
<p style="margin:0;padding-top:16px;border-top:1px solid #e5e7eb;font-size:13px;line-height:20px;color:#6b7280">{warning}</p>
</td></tr></table>
</td></tr></table>
</body>
</html>
`,
    Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, escapeHtml(part)])),
  );

/** Writes the e-mail that carries a code. The subject does not: it shows on locked screens. */
export function renderOtpEmail(otp: OtpText): {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
} {
  const { brand, code, locale } = otp;
  const write = (texts: Texts) => fill(texts[locale], { brand, minutes: toWholeMinutes(otp.minutes) });
  const parts = {
    subject: write(OTP_EMAIL.subject),
    lead: write(OTP_EMAIL.lead),
    life: write(OTP_EMAIL.life),
    warning: write(OTP_EMAIL.warning),
  };
  const text = `${parts.lead}\n\n${code}\n\n${parts.life}\n${parts.warning}\n\n${brand}\n`;
  return { subject: parts.subject, text, html: otpEmailHtml(locale, { ...parts, brand, code }) };
}

const OTP_VOICE = {
  lead: {
    es: "Hola. Le llamamos de {brand}. Su código de verificación es:",
    en: "Hello. This is {brand}. Your verification code is:",
  },
  again: { es: "Repito. Su código es:", en: "Once more. Your code is:" },
  lastMinute: { es: "Vence en un minuto.", en: "It expires in one minute." },
  life: { es: "Vence en {minutes} minutos.", en: "It expires in {minutes} minutes." },
  warning: { es: "No lo comparta con nadie. Hasta luego.", en: "Do not share it with anyone. Goodbye." },
  ended: {
    es: "Hola. Le llamamos de {brand}. El código de esta llamada ya venció o ya se usó. Pida uno nuevo. Hasta luego.",
    en: "Hello. This is {brand}. The code of this call has expired or was used already. Ask for a new one. Goodbye.",
  },
} as const satisfies Record<string, Texts>;

/** Time to lift the phone to the ear, to write a digit down, and to breathe between the readings. */
const PAUSE: VoiceSegment = { pauseSeconds: 1 };

/** Each digit alone: read as one number, "482913" would be four hundred and eighty-two thousand. */
const readDigits = (code: string): readonly VoiceSegment[] => [...code].flatMap((digit) => [{ say: digit }, PAUSE]);

/** Writes what a call says that carries a code: the digits one by one, twice, then how long they count. */
export function renderOtpVoice({ brand, code, minutes, locale }: OtpText): VoiceScript {
  const life = toWholeMinutes(minutes);
  const say = (texts: Texts): VoiceSegment => ({ say: fill(texts[locale], { brand, minutes: life }) });
  const segments = [
    ...[PAUSE, say(OTP_VOICE.lead), PAUSE, ...readDigits(code)],
    ...[say(OTP_VOICE.again), PAUSE, ...readDigits(code)],
    ...[say(life === 1 ? OTP_VOICE.lastMinute : OTP_VOICE.life), say(OTP_VOICE.warning)],
  ];
  return { locale, segments };
}

/** Writes what a call says whose code nobody can use any more. */
export const renderEndedVoice = ({ brand, locale }: Pick<OtpText, "brand" | "locale">): VoiceScript => ({
  locale,
  segments: [PAUSE, { say: fill(OTP_VOICE.ended[locale], { brand }) }],
});

/** Writes what a call says that carries a notification: its text, twice. */
export const renderTextVoice = ({ text, locale }: { readonly text: string; readonly locale: Locale }): VoiceScript => ({
  locale,
  segments: [PAUSE, { say: text }, PAUSE, { say: text }],
});

interface NotificationTemplate extends Texts {
  /** Longest value of each variable, in characters: with a brand of 20 the text still fits one segment. */
  readonly variables: Readonly<Record<string, number>>;
}

/** Every notification text there is, `{brand}` besides its own variables. */
export const NOTIFICATIONS = {
  order_confirmed: {
    variables: { order: 20, total: 20 },
    es: "{brand}: su pedido {order} fue confirmado. Total: {total}. Le avisaremos cuando salga.",
    en: "{brand}: your order {order} is confirmed. Total: {total}. We will tell you when it ships.",
  },
  order_shipped: {
    variables: { order: 20, carrier: 20, tracking: 30 },
    es: "{brand}: su pedido {order} va en camino con {carrier}. Rastreo: {tracking}",
    en: "{brand}: your order {order} is on its way with {carrier}. Tracking: {tracking}",
  },
  order_delivered: {
    variables: { order: 20 },
    es: "{brand}: su pedido {order} fue entregado. Gracias por su compra.",
    en: "{brand}: your order {order} was delivered. Thank you for your purchase.",
  },
  payment_received: {
    variables: { amount: 20, order: 20 },
    es: "{brand}: recibimos su pago de {amount} por el pedido {order}. Gracias.",
    en: "{brand}: we received your payment of {amount} for order {order}. Thank you.",
  },
  account_alert: {
    variables: { when: 25, place: 30 },
    es: "{brand}: nuevo ingreso a su cuenta, {when}, desde {place}. Si no fue usted, cambie su clave.",
    en: "{brand}: new sign-in to your account, {when}, from {place}. If it was not you, change your password.",
  },
} as const satisfies Record<string, NotificationTemplate>;

export type NotificationName = keyof typeof NOTIFICATIONS;

const isNotification = (name: string): name is NotificationName => Object.hasOwn(NOTIFICATIONS, name);

const refusal = (es: string, en: string): AppError => new AppError("fields_invalid", { problem: { es, en } });

/** Controls, line breaks, direction marks, zero-width signs, lone surrogates: nothing that a reader cannot see. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/** Makes a value fit for a text: visible, and in GSM-7 where the words allow it. */
function cleanValue(name: string, value: string, maxLength: number): string {
  const trimmed = value.trim();
  if (INVISIBLE.test(value) || trimmed === "") {
    throw refusal(`la variable ${name} no es un texto de una línea`, `the variable ${name} is not a text of one line`);
  }
  const clean = toGsm7Suggestion(trimmed) ?? trimmed;
  if ([...clean].length > maxLength) {
    throw refusal(
      `la variable ${name} pasa de ${maxLength} caracteres`,
      `the variable ${name} is longer than ${maxLength}`,
    );
  }
  return clean;
}

export interface NotificationText {
  /** A key of `NOTIFICATIONS`. */
  readonly name: string;
  /** Exactly those of the template. */
  readonly variables: Readonly<Record<string, string>>;
  readonly locale: Locale;
  readonly brand: string;
}

/**
 * Writes a notification.
 *
 * @throws {AppError} `fields_invalid` for an unknown template, a missing, unknown or unfit variable
 */
export function renderNotification({ name, variables, locale, brand }: NotificationText): string {
  if (!isNotification(name)) {
    const names = Object.keys(NOTIFICATIONS).join(", ");
    throw refusal(`las plantillas son ${names}`, `the templates are ${names}`);
  }
  const template: NotificationTemplate = NOTIFICATIONS[name];
  const wanted = Object.entries(template.variables);
  const isComplete = wanted.every(([variable]) => Object.hasOwn(variables, variable));
  if (!isComplete || wanted.length !== Object.keys(variables).length) {
    const list = wanted.map(([variable]) => variable).join(", ");
    throw refusal(`las variables de ${name} son ${list}`, `the variables of ${name} are ${list}`);
  }
  const values = wanted.map(([variable, max]) => [variable, cleanValue(variable, variables[variable] ?? "", max)]);
  return fill(template[locale], { brand, ...Object.fromEntries(values) });
}

/**
 * Says what a text costs and how it would cost less. It refuses nothing, not even what is too long to be sent.
 *
 * @param variables the longest value of each `{variable}`; one without a value counts as it is written
 */
export function lintText(text: string, variables: Readonly<Record<string, string>> = {}): TemplateReport {
  const { outsideGsm7, ...measure } = countText(fill(text, variables));
  const suggestion = toGsm7Suggestion(text);
  const suggestionSegments = suggestion === null ? null : countText(fill(suggestion, variables)).segments;
  return { ...measure, outsideGsm7: [...outsideGsm7], suggestion, suggestionSegments };
}
