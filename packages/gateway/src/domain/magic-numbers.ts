import type { Channel, FallbackChannel } from "@mestore/sms-gateway-contract";
import type { Receipt, SendResult } from "./delivery.ts";

type WithoutId<Result> = Result extends { readonly outcome: "accepted" } ? Omit<Result, "providerMessageId"> : Result;

/** What the simulated carrier answers; it makes the ids itself. */
export type MagicAnswer = WithoutId<SendResult>;

/** A receipt and when it comes: so long after the answer, or once nobody wants the message any more. */
export type MagicReceipt = Receipt & ({ readonly afterMs: number } | { readonly afterExpiry: true });

export interface MagicBehaviour {
  /** The first attempt of a message gets the first answer, the next the next; the last one repeats. */
  readonly answers: readonly [MagicAnswer, ...MagicAnswer[]];
  /** How long the carrier takes to answer; 0 when absent. */
  readonly delayMs?: number;
  /** Follows an attempt that was accepted or whose outcome is unknown; none comes when absent. */
  readonly receipt?: MagicReceipt;
}

export interface MagicNumber {
  readonly number: string;
  readonly name: string;
  readonly es: string;
  readonly en: string;
  /** What becomes of an SMS. */
  readonly behaviour: MagicBehaviour;
  /** What becomes of the other ways to the same phone; delivered when absent. */
  readonly others?: Partial<Readonly<Record<FallbackChannel, MagicBehaviour>>>;
}

/** Colombian mobiles in form. The simulation alone knows them. */
const PREFIX = "+57300555";
const MAGIC = /^\+57300555[0-9]{4}$/;

const RECEIPT_MS = 1_000;
const ACCEPTED: MagicAnswer = { outcome: "accepted" };
const THROTTLED: MagicAnswer = { outcome: "throttled", retryAfterMs: 1_000, vendorCode: "20429" };

const accepted = (receipt: Receipt): MagicBehaviour => ({
  answers: [ACCEPTED],
  receipt: { ...receipt, afterMs: RECEIPT_MS },
});
const answered = (...answers: MagicBehaviour["answers"]): MagicBehaviour => ({ answers });

const DELIVERED: MagicNumber = {
  number: `${PREFIX}0000`,
  name: "delivered",
  es: "Llega al celular, como cualquier número que no esté en esta tabla",
  en: "Reaches the phone, as does any number outside this table",
  behaviour: accepted({ state: "delivered" }),
};

/**
 * Every outcome that a carrier can give, each behind a number of its own.
 *
 * The last four digits of `invalid` to `opted_out` and of `landline` are those of Twilio's own test numbers.
 *
 * @see https://www.twilio.com/docs/iam/test-credentials
 */
export const MAGIC_NUMBERS: readonly MagicNumber[] = [
  DELIVERED,
  {
    number: `${PREFIX}0001`,
    name: "invalid",
    es: "El operador dice que el número no es válido",
    en: "The carrier says that the number is not valid",
    behaviour: answered({ outcome: "rejected", code: "phone_invalid", vendorCode: "21211" }),
  },
  {
    number: `${PREFIX}0002`,
    name: "unreachable",
    es: "Ese remitente no llega a ese número; otro medio sí",
    en: "That sender does not reach that number; another channel does",
    behaviour: answered({
      ...{ outcome: "rejected", code: "channel_unavailable", vendorCode: "21612", change: ["channel"] },
    }),
  },
  {
    number: `${PREFIX}0003`,
    name: "country_not_allowed",
    es: "La cuenta no tiene ese país habilitado",
    en: "The account does not have that country enabled",
    behaviour: answered({ outcome: "rejected", code: "country_not_allowed", vendorCode: "21408" }),
  },
  {
    number: `${PREFIX}0004`,
    name: "opted_out",
    es: "La persona respondió STOP y no quiere mensajes",
    en: "The person replied STOP and wants no messages",
    behaviour: answered({ outcome: "rejected", code: "opted_out", vendorCode: "21610" }),
  },
  {
    number: `${PREFIX}0005`,
    name: "rejected",
    es: "El proveedor rechaza el mensaje por su configuración",
    en: "The provider refuses the message because of its settings",
    behaviour: answered({ outcome: "rejected", code: "delivery_failed", vendorCode: "21606" }),
  },
  {
    number: `${PREFIX}0008`,
    name: "no_messages",
    es: "El número no recibe mensajes",
    en: "The number does not receive messages",
    behaviour: answered({
      ...{ outcome: "rejected", code: "number_unreachable", vendorCode: "21214", change: ["channel"] },
    }),
  },
  {
    number: `${PREFIX}0009`,
    name: "landline",
    es: "El operador dice que es un teléfono fijo",
    en: "The carrier says that it is a landline",
    behaviour: answered({ outcome: "rejected", code: "phone_landline", vendorCode: "21614", change: ["channel"] }),
  },
  {
    number: `${PREFIX}0010`,
    name: "throttled",
    es: "El proveedor pide siempre ir más despacio (429)",
    en: "The provider always asks to slow down (429)",
    behaviour: answered(THROTTLED),
  },
  {
    number: `${PREFIX}0011`,
    name: "throttled_once",
    es: "El proveedor pide ir más despacio una vez y luego acepta",
    en: "The provider asks to slow down once and then accepts",
    behaviour: { ...DELIVERED.behaviour, answers: [THROTTLED, ACCEPTED] },
  },
  {
    number: `${PREFIX}0012`,
    name: "provider_down",
    es: "El proveedor está caído (503)",
    en: "The provider is down (503)",
    behaviour: answered({ outcome: "unavailable", vendorCode: "503" }),
  },
  {
    number: `${PREFIX}0013`,
    name: "timeout",
    es: "El proveedor no contesta: puede que el mensaje haya salido",
    en: "The provider does not answer: the message may have left",
    behaviour: answered({ outcome: "unknown" }),
  },
  {
    number: `${PREFIX}0014`,
    name: "timeout_delivered",
    es: "El proveedor no contesta y el mensaje sí llega",
    en: "The provider does not answer and the message does arrive",
    behaviour: { ...DELIVERED.behaviour, answers: [{ outcome: "unknown" }] },
  },
  {
    number: `${PREFIX}0015`,
    name: "slow",
    es: "El proveedor tarda 6 segundos en aceptar: el código va en camino (202)",
    en: "The provider takes 6 seconds to accept: the code is on its way (202)",
    behaviour: { ...DELIVERED.behaviour, delayMs: 6_000 },
  },
  {
    number: `${PREFIX}0016`,
    name: "late",
    es: "Llega cuando el código ya venció",
    en: "Arrives when the code has already expired",
    behaviour: { answers: [ACCEPTED], receipt: { state: "delivered", afterExpiry: true } },
  },
  {
    number: `${PREFIX}0017`,
    name: "no_receipt",
    es: "Aceptado; nunca se sabe si llegó",
    en: "Accepted; nobody ever says whether it arrived",
    behaviour: answered(ACCEPTED),
  },
  {
    number: `${PREFIX}0020`,
    name: "undelivered",
    es: "Aceptado y luego no entregado, sin decir por qué",
    en: "Accepted and then not delivered, nobody says why",
    behaviour: accepted({ state: "undelivered", code: "delivery_failed", vendorCode: "30008", change: ["channel"] }),
  },
  {
    number: `${PREFIX}0021`,
    name: "handset_unreachable",
    es: "Aceptado; el celular está apagado o sin señal",
    en: "Accepted; the phone is off or out of coverage",
    behaviour: accepted({
      state: "undelivered",
      code: "handset_unreachable",
      vendorCode: "30003",
      change: ["channel"],
    }),
  },
  {
    number: `${PREFIX}0022`,
    name: "blocked",
    es: "Aceptado y luego bloqueado por el operador",
    en: "Accepted and then blocked by the carrier",
    behaviour: accepted({ state: "undelivered", code: "message_blocked", vendorCode: "30004", change: ["channel"] }),
  },
  {
    number: `${PREFIX}0023`,
    name: "inactive",
    es: "Aceptado; el número no existe o está inactivo",
    en: "Accepted; the number does not exist or is inactive",
    behaviour: accepted({ state: "undelivered", code: "number_inactive", vendorCode: "30005" }),
  },
  {
    number: `${PREFIX}0024`,
    name: "filtered",
    es: "Aceptado y luego filtrado por su contenido",
    en: "Accepted and then filtered for its content",
    behaviour: accepted({ state: "undelivered", code: "message_filtered", vendorCode: "30007", change: ["channel"] }),
  },
  {
    number: `${PREFIX}0025`,
    name: "no_whatsapp",
    es: "Celular apagado y sin WhatsApp; la llamada sí llega",
    en: "The phone is off and has no WhatsApp; a call arrives",
    behaviour: accepted({
      state: "undelivered",
      code: "handset_unreachable",
      vendorCode: "30003",
      change: ["channel"],
    }),
    others: {
      whatsapp: accepted({ state: "undelivered", code: "whatsapp_missing", vendorCode: "63003", change: ["channel"] }),
    },
  },
  {
    number: `${PREFIX}0026`,
    name: "congested",
    es: "Aceptado; la red del operador está congestionada",
    en: "Accepted; the network of the carrier is congested",
    behaviour: accepted({ state: "undelivered", code: "carrier_congested", vendorCode: "30017" }),
  },
  {
    number: `${PREFIX}0027`,
    name: "pumping",
    es: "Aceptado y luego bloqueado contra el bombeo de SMS",
    en: "Accepted and then blocked against SMS pumping",
    behaviour: accepted({
      state: "undelivered",
      code: "destination_blocked",
      vendorCode: "30450",
      change: ["channel"],
    }),
  },
];

const byNumber = new Map(MAGIC_NUMBERS.map((magic) => [magic.number, magic]));

/** Tells whether a number belongs to the range, in the table or not. */
export const isMagicNumber = (e164: string): boolean => MAGIC.test(e164);

/** Finds what a number does. One of the range that is not in the table is delivered; one outside the range is null. */
export const findMagicNumber = (e164: string): MagicNumber | null =>
  byNumber.get(e164) ?? (isMagicNumber(e164) ? { ...DELIVERED, number: e164 } : null);

/** What a number does on a channel; null for one that is no magic number. */
export function magicBehaviour(to: string, channel: Channel): MagicBehaviour | null {
  const magic = findMagicNumber(to);
  if (magic === null) return null;
  return channel === "whatsapp" || channel === "voice"
    ? (magic.others?.[channel] ?? DELIVERED.behaviour)
    : magic.behaviour;
}
