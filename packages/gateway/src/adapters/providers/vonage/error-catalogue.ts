import type { ErrorCatalogue } from "../../../domain/vendor-error.ts";
import { type ErrorRow, toCatalogue } from "../wire/catalogue.ts";

/**
 * Errors of a message: of answers (through their titles) and of statuses. Those of other channels are left out.
 *
 * 1030 is not transient here although it may pass: after it nobody knows whether the message went out.
 *
 * @see https://developer.vonage.com/en/api-errors/messages (2026-10-08)
 */
const MESSAGES: readonly ErrorRow[] = [
  [
    1000,
    "transient",
    "delivery_failed",
    ["provider"],
    {
      es: "Más mensajes por segundo de los que la cuenta permite",
      en: "More messages a second than the account allows",
    },
  ],
  [
    1010,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "Falta un parámetro: es un error de este programa",
      en: "A parameter is missing: a bug of this program",
    },
  ],
  [
    1020,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "Un parámetro no vale: revise VONAGE_FROM y el texto",
      en: "A parameter is not valid: check VONAGE_FROM and the text",
    },
  ],
  [
    1030,
    "unknown",
    "delivery_failed",
    ["channel"],
    {
      es: "Falla interna de Vonage: no se sabe si el mensaje salió",
      en: "Internal failure of Vonage: nobody knows whether the message went out",
    },
  ],
  [
    1040,
    "number",
    "phone_invalid",
    [],
    {
      es: "Vonage no reconoce el prefijo del número",
      en: "Vonage does not know the prefix of the number",
    },
  ],
  [
    1050,
    "blocked",
    "destination_blocked",
    ["channel"],
    {
      es: "El número está en la lista de bloqueados",
      en: "The number is on the list of barred numbers",
    },
  ],
  [
    1060,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "Vonage bloqueó la cuenta: escriba a su soporte",
      en: "Vonage has barred the account: write to its support",
    },
  ],
  [
    1070,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "La cuenta no tiene saldo o pasó su cupo: recárguela",
      en: "The account has no credit or is over its quota: top it up",
    },
  ],
  [
    1080,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "La cuenta no está habilitada para la API REST",
      en: "The account is not enabled for the REST API",
    },
  ],
  [
    1090,
    "config",
    "delivery_failed",
    [],
    {
      es: "El mensaje es demasiado largo",
      en: "The message is too long",
    },
  ],
  [
    1100,
    "transient",
    "delivery_failed",
    ["provider"],
    {
      es: "Falla de comunicación: el mensaje no se entregó a la red",
      en: "Communication failed: the message was not submitted",
    },
  ],
  [
    1120,
    "config",
    "delivery_failed",
    ["sender", "provider"],
    {
      es: "El remitente no se acepta en ese destino: cambie VONAGE_FROM",
      en: "The sender is not accepted at that destination: change VONAGE_FROM",
    },
  ],
  [
    1130,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "La vida del mensaje no vale: es un error de este programa",
      en: "The life of the message is not valid: a bug of this program",
    },
  ],
  [
    1140,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "La cuenta no tiene habilitada esa función",
      en: "The account does not have that facility",
    },
  ],
  [
    1160,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "Cuenta de prueba: agregue el número a la lista de destinos o recargue",
      en: "Trial account: add the number to the list of destinations, or top up",
    },
  ],
  [
    1170,
    "number",
    "phone_invalid",
    [],
    {
      es: "El número de destino falta o no es válido",
      en: "The number of the recipient is missing or not valid",
    },
  ],
  [
    1180,
    "transient",
    "handset_unreachable",
    ["channel"],
    {
      es: "El destino no recibe mensajes por ahora",
      en: "The destination cannot receive messages for now",
    },
  ],
  [
    1190,
    "number",
    "number_inactive",
    [],
    {
      es: "El número ya no está activo: quítelo",
      en: "The number is no longer active: remove it",
    },
  ],
  [
    1200,
    "number",
    "number_unreachable",
    ["channel"],
    {
      es: "Problema de portabilidad: la persona debe hablar con su operador",
      en: "A portability issue: the person has to speak to the carrier",
    },
  ],
  [
    1210,
    "blocked",
    "message_filtered",
    ["sender", "channel"],
    {
      es: "Filtro antispam del operador: revise el texto y el remitente",
      en: "Anti-spam filter of the carrier: review text and sender",
    },
  ],
  [
    1220,
    "transient",
    "handset_unreachable",
    ["channel"],
    {
      es: "El celular no estaba disponible",
      en: "The handset was not available",
    },
  ],
  [
    1230,
    "transient",
    "carrier_congested",
    ["provider"],
    {
      es: "Falla temporal de la red",
      en: "A temporary failure of the network",
    },
  ],
  [
    1240,
    "blocked",
    "opted_out",
    [],
    {
      es: "La persona pidió no recibir mensajes (STOP): no insista",
      en: "The person asked for no messages (STOP): do not insist",
    },
  ],
  [
    1241,
    "transient",
    "delivery_failed",
    ["provider"],
    {
      es: "Demasiados envíos a números de teléfono: baje el ritmo",
      en: "Too many send requests to phone numbers: slow down",
    },
  ],
  [
    1250,
    "config",
    "number_unreachable",
    ["provider", "channel"],
    {
      es: "No hay ruta: la red del número no está soportada",
      en: "No route: the network of the number is not supported",
    },
  ],
  [
    1251,
    "config",
    "number_unreachable",
    ["provider", "channel"],
    {
      es: "No hay ruta a ese destino por las reglas de la red",
      en: "No route to that destination under the rules of the network",
    },
  ],
  [
    1260,
    "unknown",
    "number_unreachable",
    ["provider", "channel"],
    {
      es: "No se pudo entregar al número",
      en: "The number could not be reached",
    },
  ],
  [
    1270,
    "blocked",
    "message_filtered",
    ["channel"],
    {
      es: "El operador lo bloqueó por la edad del suscriptor",
      en: "The carrier blocked it for the age of the subscriber",
    },
  ],
  [
    1280,
    "blocked",
    "message_blocked",
    ["channel"],
    {
      es: "El operador bloqueó el número: plan sin SMS o cuenta suspendida",
      en: "The carrier blocked the number: a plan without SMS, or suspended",
    },
  ],
  [
    1282,
    "blocked",
    "message_filtered",
    ["sender", "channel"],
    {
      es: "El proveedor rechazó el mensaje por políticas o contenido",
      en: "The provider rejected the message for policy or content",
    },
  ],
  [
    1290,
    "number",
    "number_unreachable",
    ["channel"],
    {
      es: "El prepago de la persona no alcanza para recibirlo",
      en: "The person's prepaid credit does not suffice to receive it",
    },
  ],
  [
    1320,
    "unknown",
    "delivery_failed",
    [],
    {
      es: "Vonage dice que el mensaje ya se había enviado",
      en: "Vonage says that the message was sent already",
    },
  ],
  [
    1330,
    "unknown",
    "delivery_failed",
    ["provider", "channel"],
    {
      es: "Falla permanente que el operador no explica",
      en: "A permanent failure that the provider does not explain",
    },
  ],
  [
    1331,
    "transient",
    "carrier_congested",
    ["provider"],
    {
      es: "El operador no responde: reintente en unos minutos",
      en: "The provider does not respond: retry in a few minutes",
    },
  ],
  [
    1360,
    "unknown",
    "handset_unreachable",
    ["channel"],
    {
      es: "El mensaje venció antes de entregarse",
      en: "The message expired before it was delivered",
    },
  ],
  [
    1400,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "La cuenta no admite el canal sms",
      en: "The channel sms is not supported",
    },
  ],
  [
    1410,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "Un parámetro del canal no vale",
      en: "A parameter of the channel is not valid",
    },
  ],
  [
    1420,
    "config",
    "delivery_failed",
    ["sender", "provider"],
    {
      es: "El remitente no vale: revise VONAGE_FROM",
      en: "The sender is not valid: check VONAGE_FROM",
    },
  ],
  [
    1430,
    "number",
    "phone_invalid",
    [],
    {
      es: "El número de destino no es válido",
      en: "The number of the recipient is not valid",
    },
  ],
  [
    1440,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "El tipo de mensaje no vale en el canal",
      en: "The type of message is not supported by the channel",
    },
  ],
  [
    1450,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "La referencia del mensaje no vale",
      en: "The reference of the message is not valid",
    },
  ],
  [
    1460,
    "config",
    "delivery_failed",
    ["sender", "provider"],
    {
      es: "Cupo diario agotado: revise el registro 10DLC",
      en: "Daily limit exceeded: check the 10DLC registration",
    },
  ],
  [
    1470,
    "blocked",
    "destination_blocked",
    ["channel"],
    {
      es: "Lo bloqueó una regla de tráfico de Fraud Defender",
      en: "A traffic rule of Fraud Defender blocked it",
    },
  ],
  [
    1472,
    "blocked",
    "destination_blocked",
    ["channel"],
    {
      es: "Fraud Defender: se alcanzó el límite de ráfaga de SMS",
      en: "Fraud Defender: the limit of SMS bursts was reached",
    },
  ],
  [
    1473,
    "blocked",
    "destination_blocked",
    ["channel"],
    {
      es: "Fraud Defender lo tomó por tráfico inflado (AIT)",
      en: "Fraud Defender took it for inflated traffic (AIT)",
    },
  ],
  [
    1474,
    "blocked",
    "country_not_allowed",
    ["channel"],
    {
      es: "Fraud Defender tiene bloqueado el país",
      en: "Fraud Defender has the country blocked",
    },
  ],
  [
    1475,
    "blocked",
    "destination_blocked",
    ["channel"],
    {
      es: "Fraud Defender tiene bloqueada la red",
      en: "Fraud Defender has the network blocked",
    },
  ],
  [
    1476,
    "config",
    "delivery_failed",
    ["sender", "provider"],
    {
      es: "El remitente está en una lista de números que no deben originar",
      en: "The sender is on a list of numbers that must not originate",
    },
  ],
  [
    1480,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "El país exige entity_id: registre la entidad",
      en: "The country asks for an entity_id: register the entity",
    },
  ],
  [
    1481,
    "config",
    "delivery_failed",
    ["sender", "provider"],
    {
      es: "El país exige un remitente registrado",
      en: "The country asks for a registered sender",
    },
  ],
  [
    1482,
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "El país exige content_id: registre la plantilla",
      en: "The country asks for a content_id: register the template",
    },
  ],
  [
    1483,
    "blocked",
    "message_filtered",
    ["channel"],
    {
      es: "No hay consentimiento autorizado para ese destino",
      en: "No consent is authorized for that destination",
    },
  ],
  [
    1484,
    "config",
    "delivery_failed",
    ["sender", "provider"],
    {
      es: "El remitente no pasó la revisión regulatoria",
      en: "The sender failed the regulatory checks",
    },
  ],
  [
    1490,
    "unknown",
    "delivery_failed",
    [],
    {
      es: "No llegaron los informes de todos los segmentos",
      en: "The receipts of some segments did not come",
    },
  ],
  [
    2001,
    "blocked",
    "destination_blocked",
    ["channel"],
    {
      es: "La protección antifraude del operador lo bloqueó",
      en: "Fraud protection at the provider blocked it",
    },
  ],
];

/**
 * Errors that any API of the vendor gives, with `_` for each hyphen.
 *
 * @see https://developer.vonage.com/en/api-errors (2026-10-08)
 */
const GENERIC: readonly ErrorRow[] = [
  [
    "low_balance",
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "La cuenta no tiene saldo: recárguela",
      en: "The account has no credit: top it up",
    },
  ],
  [
    "unauthorized",
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "Credenciales rechazadas: revise VONAGE_API_KEY y VONAGE_API_SECRET",
      en: "Credentials refused: check VONAGE_API_KEY and VONAGE_API_SECRET",
    },
  ],
  [
    "forbidden",
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "La cuenta no tiene permiso para enviar",
      en: "The account has no permission to send",
    },
  ],
  [
    "not_found",
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "No existe: revise VONAGE_API_BASE_URL",
      en: "Not found: check VONAGE_API_BASE_URL",
    },
  ],
  [
    "unprovisioned",
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "La cuenta no tiene acceso a Messages API",
      en: "The account has no access to the Messages API",
    },
  ],
  [
    "account_suspended",
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "La cuenta está suspendida: escriba a soporte de Vonage",
      en: "The account is suspended: write to the support of Vonage",
    },
  ],
  [
    "invalid_api_key",
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "VONAGE_API_KEY no existe para Vonage",
      en: "VONAGE_API_KEY is unknown to Vonage",
    },
  ],
  [
    "invalid_params",
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "Un parámetro no vale: revise VONAGE_FROM",
      en: "A parameter is not valid: check VONAGE_FROM",
    },
  ],
  [
    "invalid_ip",
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "Esta dirección IP no está autorizada en la cuenta",
      en: "This IP address is not on the account's list",
    },
  ],
  [
    "invalid_json",
    "config",
    "delivery_failed",
    ["provider"],
    {
      es: "El cuerpo no es JSON: es un error de este programa",
      en: "The body is no JSON: a bug of this program",
    },
  ],
  [
    "throttled",
    "transient",
    "delivery_failed",
    ["provider"],
    {
      es: "Demasiadas solicitudes: baje el ritmo",
      en: "Too many requests: slow down",
    },
  ],
  [
    "unavailable_legal",
    "config",
    "country_not_allowed",
    ["provider"],
    {
      es: "Vonage no atiende ese territorio por sanciones",
      en: "Vonage does not serve that territory for legal reasons",
    },
  ],
];

/** What each error of Vonage means to us; whatever is not here is `UNLISTED`. */
export const VONAGE_ERRORS: ErrorCatalogue = toCatalogue([...MESSAGES, ...GENERIC]);
