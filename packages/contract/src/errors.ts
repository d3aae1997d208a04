/** The closed table of errors. Status and texts live here and nowhere else; a test walks it. */

export type Locale = "es" | "en";

/** A text, or its plural forms chosen by the first number among its placeholders. */
type Text = string | { readonly one: string; readonly other: string };

interface ErrorEntry {
  readonly status: number;
  readonly title: Readonly<Record<Locale, string>>;
  readonly es: Text;
  readonly en: Text;
}

const table = <Code extends string>(entries: Readonly<Record<Code, ErrorEntry>>) => entries;

export const ERRORS = table({
  json_invalid: {
    status: 400,
    title: { es: "Solicitud no válida", en: "Invalid request" },
    es: "La solicitud no es válida: {problem}",
    en: "The request is not valid: {problem}",
  },
  fields_invalid: {
    status: 422,
    title: { es: "Campos no válidos", en: "Invalid fields" },
    es: "La solicitud no es válida: {problem}",
    en: "The request is not valid: {problem}",
  },
  body_too_large: {
    status: 413,
    title: { es: "Solicitud muy grande", en: "Request too large" },
    es: "La solicitud no es válida: pesa más de 16 kB",
    en: "The request is not valid: it is larger than 16 kB",
  },
  media_type_unsupported: {
    status: 415,
    title: { es: "Tipo de contenido no aceptado", en: "Unsupported media type" },
    es: "La solicitud no es válida: envíe Content-Type application/json",
    en: "The request is not valid: send Content-Type application/json",
  },
  method_not_allowed: {
    status: 405,
    title: { es: "Método no permitido", en: "Method not allowed" },
    es: "La solicitud no es válida: esta ruta acepta {allow}",
    en: "The request is not valid: this path accepts {allow}",
  },
  path_not_found: {
    status: 404,
    title: { es: "Ruta desconocida", en: "Unknown path" },
    es: "La solicitud no es válida: esa ruta no existe. Vea /docs",
    en: "The request is not valid: there is no such path. See /docs",
  },
  not_found: {
    status: 404,
    title: { es: "No existe", en: "Not found" },
    es: "No existe",
    en: "It does not exist",
  },
  credentials_invalid: {
    status: 401,
    title: { es: "Credenciales no válidas", en: "Invalid credentials" },
    es: "No se pudieron validar las credenciales",
    en: "The credentials could not be validated",
  },
  scope_missing: {
    status: 403,
    title: { es: "Permiso insuficiente", en: "Missing scope" },
    es: "Esta clave no puede hacer eso",
    en: "This key cannot do that",
  },
  otp_type_wrong: {
    status: 400,
    title: { es: "otp_type equivocado", en: "Wrong otp_type" },
    es: "Este endpoint solo acepta otp_type: {type}",
    en: "This endpoint only accepts otp_type: {type}",
  },
  phone_missing: {
    status: 400,
    title: { es: "Sin teléfono", en: "No phone" },
    es: "Usuario no tiene teléfono registrado",
    en: "The user has no phone on record",
  },
  email_missing: {
    status: 400,
    title: { es: "Sin email", en: "No e-mail" },
    es: "Usuario no tiene email registrado",
    en: "The user has no e-mail on record",
  },
  phone_already_verified: {
    status: 400,
    title: { es: "Teléfono verificado", en: "Phone verified" },
    es: "Teléfono ya está verificado",
    en: "The phone is already verified",
  },
  email_already_verified: {
    status: 400,
    title: { es: "Email verificado", en: "E-mail verified" },
    es: "Email ya está verificado",
    en: "The e-mail is already verified",
  },
  phone_invalid: {
    status: 422,
    title: { es: "Teléfono no válido", en: "Invalid phone" },
    es: "El número de teléfono no es válido",
    en: "The phone number is not valid",
  },
  email_invalid: {
    status: 422,
    title: { es: "Email no válido", en: "Invalid e-mail" },
    es: "El email no es válido",
    en: "The e-mail is not valid",
  },
  phone_landline: {
    status: 422,
    title: { es: "Teléfono fijo", en: "Landline" },
    es: "Ese número es fijo y no recibe SMS. Use un celular o pida una llamada",
    en: "That number is a landline and cannot receive SMS. Use a mobile or ask for a call",
  },
  country_not_allowed: {
    status: 403,
    title: { es: "País no habilitado", en: "Country not allowed" },
    es: "Aún no enviamos mensajes a ese país",
    en: "We do not send messages to that country yet",
  },
  opted_out: {
    status: 409,
    title: { es: "No desea mensajes", en: "Opted out" },
    es: "Usted pidió no recibir mensajes. Responda START para volver",
    en: "You asked not to receive messages. Reply START to come back",
  },
  cooldown: {
    status: 429,
    title: { es: "Espere para reenviar", en: "Wait before sending again" },
    es: {
      one: "Debe esperar {seconds} segundo entre envíos",
      other: "Debe esperar {seconds} segundos entre envíos",
    },
    en: {
      one: "Wait {seconds} second before sending again",
      other: "Wait {seconds} seconds before sending again",
    },
  },
  rate_limited: {
    status: 429,
    title: { es: "Demasiados códigos", en: "Too many codes" },
    es: {
      one: "Ha pedido demasiados códigos. Intente de nuevo en {minutes} minuto",
      other: "Ha pedido demasiados códigos. Intente de nuevo en {minutes} minutos",
    },
    en: {
      one: "Too many codes were requested. Try again in {minutes} minute",
      other: "Too many codes were requested. Try again in {minutes} minutes",
    },
  },
  no_active_code: {
    status: 400,
    title: { es: "Sin código activo", en: "No active code" },
    es: "No hay código OTP de {medium} activo",
    en: "There is no active {medium} code",
  },
  code_expired: {
    status: 400,
    title: { es: "Código vencido", en: "Code expired" },
    es: "El código venció. Pida uno nuevo",
    en: "The code has expired. Ask for a new one",
  },
  code_incorrect: {
    status: 400,
    title: { es: "Código incorrecto", en: "Incorrect code" },
    es: {
      one: "Código incorrecto. Le queda {attempts} intento",
      other: "Código incorrecto. Le quedan {attempts} intentos",
    },
    en: {
      one: "Incorrect code. {attempts} attempt left",
      other: "Incorrect code. {attempts} attempts left",
    },
  },
  attempts_exhausted: {
    status: 400,
    title: { es: "Máximo de intentos", en: "No attempts left" },
    es: "Código incorrecto. Máximo de intentos alcanzado",
    en: "Incorrect code. No attempts left",
  },
  too_many_failures: {
    status: 429,
    title: { es: "Demasiados intentos", en: "Too many attempts" },
    es: {
      one: "Demasiados intentos fallidos. Intente de nuevo en {minutes} minuto",
      other: "Demasiados intentos fallidos. Intente de nuevo en {minutes} minutos",
    },
    en: {
      one: "Too many failed attempts. Try again in {minutes} minute",
      other: "Too many failed attempts. Try again in {minutes} minutes",
    },
  },
  code_malformed: {
    status: 422,
    title: { es: "Código mal formado", en: "Malformed code" },
    es: "El código debe tener {digits} dígitos",
    en: "The code must have {digits} digits",
  },
  idempotency_mismatch: {
    status: 422,
    title: { es: "Clave de idempotencia usada", en: "Idempotency key reused" },
    es: "Esa clave de idempotencia ya se usó con otra solicitud",
    en: "That idempotency key was already used with another request",
  },
  idempotency_running: {
    status: 409,
    title: { es: "Solicitud en curso", en: "Request in progress" },
    es: "Esa solicitud aún está en curso",
    en: "That request is still in progress",
  },
  number_unreachable: {
    status: 422,
    title: { es: "Número sin mensajes", en: "Number cannot be reached" },
    es: "Ese número no recibe mensajes",
    en: "That number does not receive messages",
  },
  number_inactive: {
    status: 422,
    title: { es: "Número inactivo", en: "Inactive number" },
    es: "El número no existe o está inactivo",
    en: "The number does not exist or is inactive",
  },
  handset_unreachable: {
    status: 422,
    title: { es: "Celular sin señal", en: "Handset unreachable" },
    es: "Su celular parece apagado o sin señal",
    en: "Your phone seems to be off or out of coverage",
  },
  message_blocked: {
    status: 422,
    title: { es: "Mensaje bloqueado", en: "Message blocked" },
    es: "Su operador bloqueó el mensaje",
    en: "Your carrier blocked the message",
  },
  message_filtered: {
    status: 422,
    title: { es: "Mensaje filtrado", en: "Message filtered" },
    es: "Su operador filtró el mensaje. Pruebe por otro medio",
    en: "Your carrier filtered the message. Try another way",
  },
  whatsapp_missing: {
    status: 422,
    title: { es: "Sin WhatsApp", en: "No WhatsApp" },
    es: "Ese número no tiene WhatsApp",
    en: "That number has no WhatsApp",
  },
  channel_unavailable: {
    status: 422,
    title: { es: "Medio no disponible", en: "Channel not available" },
    es: "Este medio no está disponible. Pruebe otro",
    en: "This way is not available. Try another one",
  },
  destination_blocked: {
    status: 403,
    title: { es: "Destino bloqueado", en: "Destination blocked" },
    es: "Por seguridad no enviamos SMS a este destino ahora. Use WhatsApp o email",
    en: "For security we send no SMS to this destination now. Use WhatsApp or e-mail",
  },
  send_in_progress: {
    status: 409,
    title: { es: "Envío en curso", en: "Send in progress" },
    es: "Ya hay un envío en curso a ese número",
    en: "A message to that number is already on its way",
  },
  carrier_congested: {
    status: 503,
    title: { es: "Red congestionada", en: "Network congested" },
    es: "La red de su operador está congestionada. Intente en un momento",
    en: "The network of your carrier is congested. Try again in a moment",
  },
  email_refused: {
    status: 422,
    title: { es: "Email rechazado", en: "E-mail refused" },
    es: "El servidor de ese email rechazó el mensaje",
    en: "The server of that e-mail refused the message",
  },
  delivery_failed: {
    status: 503,
    title: { es: "No se pudo enviar", en: "Could not send" },
    es: "No pudimos enviar el mensaje. Intente más tarde",
    en: "We could not send the message. Try again later",
  },
  sms_disabled: {
    status: 503,
    title: { es: "SMS deshabilitado", en: "SMS disabled" },
    es: "Servicio SMS deshabilitado",
    en: "The SMS service is disabled",
  },
  email_disabled: {
    status: 503,
    title: { es: "Email deshabilitado", en: "E-mail disabled" },
    es: "Servicio de email deshabilitado",
    en: "The e-mail service is disabled",
  },
  service_unavailable: {
    status: 503,
    title: { es: "Servicio no disponible", en: "Service unavailable" },
    es: "Servicio no disponible. Intente en un momento",
    en: "Service unavailable. Try again in a moment",
  },
  captcha_required: {
    status: 403,
    title: { es: "Confirmación necesaria", en: "Confirmation needed" },
    es: "Confirme que no es un robot",
    en: "Confirm that you are not a robot",
  },
  internal_error: {
    status: 500,
    title: { es: "Error interno", en: "Internal error" },
    es: "Ocurrió un error de nuestro lado. Intente en un momento",
    en: "Something went wrong on our side. Try again in a moment",
  },
});

export type ErrorCode = keyof typeof ERRORS;

/** What an error may say besides its code. Numbers fill the placeholders of its text. */
export interface ErrorDetails {
  /** Whole seconds until the same request can succeed; becomes `Retry-After`. */
  readonly retryAfterSeconds?: number;
  readonly attemptsRemaining?: number;
  readonly digits?: number;
  /** `SMS` or `EMAIL`, the `otp_type` an endpoint accepts. */
  readonly type?: string;
  /** `SMS` or `email`, as people read it. */
  readonly medium?: string;
  /** Methods a path accepts, comma separated. */
  readonly allow?: string;
  /** What is wrong with a request, in both languages. */
  readonly problem?: Readonly<Record<Locale, string>>;
}

/** Made once: making one costs more than all the rest of a text. */
const PLURALS = { es: new Intl.PluralRules("es"), en: new Intl.PluralRules("en") };

const SECONDS_PER_MINUTE = 60;

const placeholders = (locale: Locale, details: ErrorDetails): Record<string, string | number | undefined> => ({
  seconds: details.retryAfterSeconds,
  minutes:
    details.retryAfterSeconds === undefined ? undefined : Math.ceil(details.retryAfterSeconds / SECONDS_PER_MINUTE),
  attempts: details.attemptsRemaining,
  digits: details.digits,
  type: details.type,
  medium: details.medium,
  allow: details.allow,
  problem: details.problem?.[locale],
});

/**
 * Writes the text of an error for a person.
 *
 * @param details numbers and words for the placeholders; a placeholder without a value is a bug and throws
 */
export function errorText(code: ErrorCode, locale: Locale, details: ErrorDetails = {}): string {
  const text: Text = ERRORS[code][locale];
  const values = placeholders(locale, details);
  const count = typeof text === "string" ? undefined : values[/\{(\w+)\}/.exec(text.other)?.[1] ?? ""];
  const chosen =
    typeof text === "string" ? text : PLURALS[locale].select(Number(count)) === "one" ? text.one : text.other;
  return chosen.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${code}: no value for {${name}}`);
    return String(value);
  });
}
