import type { ErrorCatalogue } from "../../../domain/vendor-error.ts";
import { type ErrorRow, toCatalogue } from "../wire/catalogue.ts";
import { TWILIO_ERRORS } from "./error-catalogue.ts";

/**
 * Errors of `POST …/Calls.json`, how a call may end (`CallStatus`), and what we say ourselves before anything is asked.
 *
 * @see https://www.twilio.com/docs/api/errors/21210, …/21216 and the list of the dictionary (10004), read 2026-11
 * @see https://support.twilio.com/hc/en-us/articles/223180228 (21215; read 2026-11)
 * @see https://www.twilio.com/help/faq/voice/what-do-the-call-statuses-mean (read 2026-11)
 */
const CALLS: readonly ErrorRow[] = [
  [
    "no_public_url",
    "config",
    "channel_unavailable",
    ["provider", "channel"],
    {
      es: "Sin PUBLIC_URL Twilio no puede leer qué decir en la llamada",
      en: "Without PUBLIC_URL Twilio cannot read what to say in the call",
    },
  ],
  [
    "10004",
    "transient",
    "delivery_failed",
    ["provider"],
    { es: "Más llamadas a la vez de las que la cuenta permite", en: "More calls at a time than the account allows" },
  ],
  [
    "21210",
    "config",
    "delivery_failed",
    ["provider", "channel"],
    {
      es: "El número que llama no es de la cuenta ni está verificado: revise TWILIO_VOICE_FROM",
      en: "The calling number is not the account's, nor verified: check TWILIO_VOICE_FROM",
    },
  ],
  [
    "21215",
    "config",
    "country_not_allowed",
    ["provider", "channel"],
    {
      es: "La cuenta no puede llamar a ese país: actívelo en los permisos geográficos de voz",
      en: "The account may not call that country: turn it on in the geographic permissions of voice",
    },
  ],
  [
    "21216",
    "blocked",
    "destination_blocked",
    ["channel"],
    {
      es: "Twilio bloquea las llamadas a ese número: pregunte a su soporte",
      en: "Twilio blocks calls to that number: ask its support",
    },
  ],
  [
    "no_answer",
    "transient",
    "handset_unreachable",
    ["channel"],
    { es: "Nadie contestó la llamada, o colgaron sin oír", en: "Nobody answered the call, or hung up unheard" },
  ],
  [
    "busy",
    "transient",
    "handset_unreachable",
    ["channel"],
    { es: "El teléfono estaba ocupado", en: "The phone was busy" },
  ],
  [
    "failed",
    "unknown",
    "delivery_failed",
    ["provider", "channel"],
    {
      es: "El operador no pudo conectar la llamada: casi siempre el número no existe",
      en: "The carrier could not connect the call: mostly the number does not exist",
    },
  ],
  [
    "canceled",
    "unknown",
    "delivery_failed",
    ["provider", "channel"],
    {
      es: "Alguien canceló la llamada desde la cuenta de Twilio",
      en: "Somebody canceled the call in the Twilio account",
    },
  ],
];

/**
 * Errors of templates, and what we say ourselves before anything is asked.
 *
 * @see https://www.twilio.com/docs/api/errors/21655 (2026-04) and …/21656 (read 2026-11)
 */
const TEMPLATES: readonly ErrorRow[] = [
  [
    "no_template",
    "config",
    "channel_unavailable",
    ["provider", "channel"],
    {
      es: "Por WhatsApp solo salen códigos: un aviso necesita una plantilla aprobada que aquí no hay",
      en: "Only codes go out by WhatsApp: a notification needs an approved template, and there is none",
    },
  ],
  [
    "21655",
    "config",
    "delivery_failed",
    ["provider", "channel"],
    {
      es: "La plantilla no existe en esta cuenta: revise TWILIO_WHATSAPP_CONTENT_SID",
      en: "The template does not exist in this account: check TWILIO_WHATSAPP_CONTENT_SID",
    },
  ],
  [
    "21656",
    "config",
    "delivery_failed",
    ["provider", "channel"],
    {
      es: "La plantilla espera otros valores: use una de autenticación, con el código como variable 1",
      en: "The template wants other values: use one of authentication, with the code as variable 1",
    },
  ],
];

/** What each error of a call means to us; whatever is not here is `UNLISTED`. */
export const CALL_ERRORS: ErrorCatalogue = new Map([...TWILIO_ERRORS, ...toCatalogue(CALLS)]);

/** What each error of a WhatsApp message means to us; whatever is not here is `UNLISTED`. */
export const WHATSAPP_ERRORS: ErrorCatalogue = new Map([...TWILIO_ERRORS, ...toCatalogue(TEMPLATES)]);
