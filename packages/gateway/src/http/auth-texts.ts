import type { Medium, MessageState } from "@mestore/sms-gateway-contract";
import type { Locale } from "@mestore/sms-gateway-contract/errors";

type Texts = Readonly<Record<Locale, string>>;

const SENT: Texts = {
  es: "Código enviado a {to}. Válido por {minutes}",
  en: "Code sent to {to}. Valid for {minutes}",
};
const ON_ITS_WAY: Texts = {
  es: "Su código va en camino a {to}. Válido por {minutes}",
  en: "Your code is on its way to {to}. Valid for {minutes}",
};
const PLURALS = { es: new Intl.PluralRules("es"), en: new Intl.PluralRules("en") };
const MINUTES: Readonly<Record<Locale, { readonly one: string; readonly other: string }>> = {
  es: { one: "1 minuto", other: "{n} minutos" },
  en: { one: "1 minute", other: "{n} minutes" },
};

export const VERIFIED: Readonly<Record<Medium, Texts>> = {
  sms: { es: "Teléfono verificado", en: "Phone verified" },
  email: { es: "Email verificado", en: "E-mail verified" },
};

/** What became of a send; a state with an error says the error's text instead. */
export const DELIVERY: Readonly<Record<MessageState, Texts>> = {
  queued: { es: "En cola", en: "Queued" },
  sending: { es: "En camino", en: "On its way" },
  sent: { es: "Entregado al operador", en: "Handed to the carrier" },
  delivered: { es: "Entregado", en: "Delivered" },
  undelivered: { es: "No se entregó", en: "Not delivered" },
  failed: { es: "No se envió", en: "Not sent" },
  unknown: { es: "No sabemos si llegó", en: "We do not know whether it arrived" },
  expired: { es: "Venció antes de enviarse", en: "It expired before it was sent" },
};

export interface SentText {
  /** Masked. */
  readonly to: string;
  readonly minutes: number;
  readonly isOnItsWay: boolean;
  readonly locale: Locale;
}

export function sentText({ to, minutes, isOnItsWay, locale }: SentText): string {
  const isOne = PLURALS[locale].select(minutes) === "one";
  const duration = (isOne ? MINUTES[locale].one : MINUTES[locale].other).replace("{n}", String(minutes));
  return (isOnItsWay ? ON_ITS_WAY : SENT)[locale].replace("{to}", to).replace("{minutes}", duration);
}
