// @ts-check
/** What the page says, in both of its languages. */

/** @typedef {"es" | "en"} Language */

export const TEXTS = {
  pageTitle: { es: "Bandeja de simulación · MeStore SMS Gateway", en: "Simulation inbox · MeStore SMS Gateway" },
  skipToInbox: { es: "Ir a la bandeja", en: "Skip to the inbox" },
  tagline: {
    es: "Simulación: ningún mensaje sale de este equipo.",
    en: "Simulation: no message leaves this machine.",
  },
  apiDocs: { es: "Documentación", en: "Documentation" },
  language: { es: "Idioma", en: "Language" },

  connecting: { es: "Conectando…", en: "Connecting…" },
  live: { es: "En vivo", en: "Live" },
  disconnected: { es: "Sin conexión", en: "Offline" },
  locked: { es: "Falta la clave", en: "Key needed" },
  absent: { es: "Sin bandeja", en: "No inbox" },
  offline: {
    es: "Sin conexión con el gateway. Los mensajes nuevos aparecerán al reconectar.",
    en: "The gateway cannot be reached. New messages will appear when it is back.",
  },
  retry: { es: "Reintentar", en: "Try again" },

  tryTitle: { es: "Pruebe una verificación", en: "Try a verification" },
  stepAsk: { es: "Pedir", en: "Ask" },
  stepType: { es: "Escribir", en: "Type" },
  stepDone: { es: "Listo", en: "Done" },
  medium: { es: "Medio", en: "Medium" },
  mediumSms: { es: "SMS", en: "SMS" },
  mediumEmail: { es: "Correo", en: "E-mail" },
  phone: { es: "Número de celular", en: "Mobile number" },
  email: { es: "Correo electrónico", en: "E-mail address" },
  send: { es: "Enviar código", en: "Send code" },
  sending: { es: "Enviando…", en: "Sending…" },
  code: { es: "Código", en: "Code" },
  verify: { es: "Verificar", en: "Verify" },
  verifying: { es: "Verificando…", en: "Verifying…" },
  resend: { es: "Reenviar código", en: "Send again" },
  change: { es: "Cambiar destinatario", en: "Change recipient" },
  again: { es: "Verificar otro", en: "Verify another" },
  token: { es: "Ver la prueba firmada (JWS)", en: "Show the signed proof (JWS)" },
  tryAgainIn: { es: "Podrá intentarlo en {time}", en: "You can try again in {time}" },
  unreachable: { es: "No pudimos conectar con el gateway", en: "The gateway could not be reached" },
  unexpected: { es: "El gateway respondió algo inesperado", en: "The gateway gave an unexpected answer" },

  magicTitle: { es: "Números mágicos", en: "Magic numbers" },
  magicHint: {
    es: "Cada uno provoca un resultado. Elija uno para llenar el formulario.",
    en: "Each one brings about an outcome. Choose one to fill in the form.",
  },
  number: { es: "Número", en: "Number" },
  outcome: { es: "Resultado", en: "Outcome" },
  useNumber: { es: "Usar {number}", en: "Use {number}" },

  inboxTitle: { es: "Bandeja", en: "Inbox" },
  filter: { es: "Filtrar por destinatario", en: "Filter by recipient" },
  clear: { es: "Vaciar", en: "Clear" },
  emptyTitle: { es: "Aún no hay mensajes", en: "No messages yet" },
  emptyHint: {
    es: "Pida un código con el formulario, o desde su terminal:",
    en: "Ask for a code with the form, or from your terminal:",
  },
  noneMatch: { es: "Ningún mensaje coincide con el filtro.", en: "No message matches the filter." },
  keyHint: {
    es: "Esta bandeja está expuesta a la red y pide una clave de API. Se guarda solo en esta pestaña.",
    en: "This inbox is exposed to the network and asks for an API key. It is kept in this tab only.",
  },
  key: { es: "Clave de API", en: "API key" },
  keyUse: { es: "Abrir la bandeja", en: "Open the inbox" },
  absentHint: {
    es: "La bandeja solo existe en simulación, y este gateway no está en simulación.",
    en: "The inbox exists in simulation only, and this gateway is not in simulation.",
  },

  copy: { es: "Copiar", en: "Copy" },
  copied: { es: "Copiado", en: "Copied" },
  copyFailed: { es: "No se pudo copiar", en: "Could not copy" },
  copyCode: { es: "Copiar el código {code}", en: "Copy the code {code}" },
  newMessage: { es: "Mensaje nuevo para {to}: {text}", en: "New message for {to}: {text}" },
  segments_one: { es: "{n} segmento", en: "{n} segment" },
  segments_other: { es: "{n} segmentos", en: "{n} segments" },

  channel_sms: { es: "SMS", en: "SMS" },
  channel_email: { es: "Correo", en: "E-mail" },
  state_queued: { es: "En cola", en: "Queued" },
  state_sending: { es: "Enviando", en: "Sending" },
  state_sent: { es: "Enviado", en: "Sent" },
  state_delivered: { es: "Entregado", en: "Delivered" },
  state_undelivered: { es: "No entregado", en: "Undelivered" },
  state_failed: { es: "Falló", en: "Failed" },
  state_unknown: { es: "Sin confirmar", en: "Unconfirmed" },
  state_expired: { es: "Vencido", en: "Expired" },
};

/** @typedef {keyof typeof TEXTS} TextKey */
/** @typedef {(key: TextKey, values?: Readonly<Record<string, string | number>>) => string} Say */

/**
 * @param {string} key
 * @returns {key is TextKey}
 */
export const isTextKey = (key) => Object.hasOwn(TEXTS, key);

/**
 * Writes a text in a language.
 *
 * @param {Language} language
 * @returns {Say}
 */
export const speak =
  (language) =>
  (key, values = {}) =>
    TEXTS[key][language].replace(/\{(\w+)\}/g, (placeholder, name) => String(values[name] ?? placeholder));

/** Attributes of the page that name a text, and where that text goes. */
const PLACES = /** @type {const} */ ([
  ["data-text", null],
  ["data-text-label", "aria-label"],
  ["data-text-placeholder", "placeholder"],
]);

/**
 * Writes every text that the page names.
 *
 * @param {Say} say
 * @param {ParentNode} root
 */
export function translatePage(say, root) {
  for (const [attribute, target] of PLACES) {
    for (const element of root.querySelectorAll(`[${attribute}]`)) {
      const key = element.getAttribute(attribute) ?? "";
      if (!isTextKey(key)) throw new Error(`no text named ${key}`);
      if (target === null) element.textContent = say(key);
      else element.setAttribute(target, say(key));
    }
  }
}
