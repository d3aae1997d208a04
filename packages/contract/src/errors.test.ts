import { describe, expect, it } from "vitest";
import { ERRORS, type ErrorCode, type ErrorDetails, errorText, type Locale } from "./errors.ts";

const LOCALES: readonly Locale[] = ["es", "en"];
const CODES = Object.keys(ERRORS) as ErrorCode[];

/** A value for every placeholder there is. */
const DETAILS: Required<ErrorDetails> = {
  retryAfterSeconds: 90,
  attemptsRemaining: 3,
  digits: 6,
  type: "SMS",
  medium: "SMS",
  allow: "POST",
  problem: { es: "falta el campo", en: "the field is missing" },
};

const PROBLEM = { problem: { es: "falta to", en: "to is missing" } };

/** What the first front end shows: status and Spanish text of every situation. */
const SITUATIONS: readonly (readonly [code: ErrorCode, status: number, es: string, details?: ErrorDetails])[] = [
  ["credentials_invalid", 401, "No se pudieron validar las credenciales"],
  ["scope_missing", 403, "Esta clave no puede hacer eso"],
  ["json_invalid", 400, "La solicitud no es válida: falta to", PROBLEM],
  ["fields_invalid", 422, "La solicitud no es válida: falta to", PROBLEM],
  ["body_too_large", 413, "La solicitud no es válida: pesa más de 16 kB"],
  ["media_type_unsupported", 415, "La solicitud no es válida: envíe Content-Type application/json"],
  ["method_not_allowed", 405, "La solicitud no es válida: esta ruta acepta GET, HEAD", { allow: "GET, HEAD" }],
  ["path_not_found", 404, "La solicitud no es válida: esa ruta no existe. Vea /docs"],
  ["not_found", 404, "No existe"],
  ["otp_type_wrong", 400, "Este endpoint solo acepta otp_type: SMS", { type: "SMS" }],
  ["phone_missing", 400, "Usuario no tiene teléfono registrado"],
  ["email_missing", 400, "Usuario no tiene email registrado"],
  ["phone_already_verified", 400, "Teléfono ya está verificado"],
  ["email_already_verified", 400, "Email ya está verificado"],
  ["phone_invalid", 422, "El número de teléfono no es válido"],
  ["email_invalid", 422, "El email no es válido"],
  ["phone_landline", 422, "Ese número es fijo y no recibe SMS. Use un celular o pida una llamada"],
  ["country_not_allowed", 403, "Aún no enviamos mensajes a ese país"],
  ["opted_out", 409, "Usted pidió no recibir mensajes. Responda START para volver"],
  ["cooldown", 429, "Debe esperar 60 segundos entre envíos", { retryAfterSeconds: 60 }],
  ["cooldown", 429, "Debe esperar 1 segundo entre envíos", { retryAfterSeconds: 1 }],
  ["rate_limited", 429, "Ha pedido demasiados códigos. Intente de nuevo en 60 minutos", { retryAfterSeconds: 3_600 }],
  ["rate_limited", 429, "Ha pedido demasiados códigos. Intente de nuevo en 1 minuto", { retryAfterSeconds: 60 }],
  ["rate_limited", 429, "Ha pedido demasiados códigos. Intente de nuevo en 2 minutos", { retryAfterSeconds: 61 }],
  ["no_active_code", 400, "No hay código OTP de SMS activo", { medium: "SMS" }],
  ["no_active_code", 400, "No hay código OTP de email activo", { medium: "email" }],
  ["code_expired", 400, "El código venció. Pida uno nuevo"],
  ["code_incorrect", 400, "Código incorrecto. Le quedan 3 intentos", { attemptsRemaining: 3 }],
  ["code_incorrect", 400, "Código incorrecto. Le queda 1 intento", { attemptsRemaining: 1 }],
  ["attempts_exhausted", 400, "Código incorrecto. Máximo de intentos alcanzado"],
  [
    "too_many_failures",
    429,
    "Demasiados intentos fallidos. Intente de nuevo en 15 minutos",
    { retryAfterSeconds: 900 },
  ],
  ["too_many_failures", 429, "Demasiados intentos fallidos. Intente de nuevo en 1 minuto", { retryAfterSeconds: 1 }],
  ["code_malformed", 422, "El código debe tener 6 dígitos", { digits: 6 }],
  ["idempotency_mismatch", 422, "Esa clave de idempotencia ya se usó con otra solicitud"],
  ["idempotency_running", 409, "Esa solicitud aún está en curso"],
  ["number_unreachable", 422, "Ese número no recibe mensajes"],
  ["number_inactive", 422, "El número no existe o está inactivo"],
  ["handset_unreachable", 422, "Su celular parece apagado o sin señal"],
  ["message_blocked", 422, "Su operador bloqueó el mensaje"],
  ["message_filtered", 422, "Su operador filtró el mensaje. Pruebe por otro medio"],
  ["whatsapp_missing", 422, "Ese número no tiene WhatsApp"],
  ["channel_unavailable", 422, "Este medio no está disponible. Pruebe otro"],
  ["destination_blocked", 403, "Por seguridad no enviamos SMS a este destino ahora. Use WhatsApp o email"],
  ["send_in_progress", 409, "Ya hay un envío en curso a ese número"],
  ["carrier_congested", 503, "La red de su operador está congestionada. Intente en un momento"],
  ["email_refused", 422, "El servidor de ese email rechazó el mensaje"],
  ["delivery_failed", 503, "No pudimos enviar el mensaje. Intente más tarde"],
  ["sms_disabled", 503, "Servicio SMS deshabilitado"],
  ["email_disabled", 503, "Servicio de email deshabilitado"],
  ["service_unavailable", 503, "Servicio no disponible. Intente en un momento"],
  ["captcha_required", 403, "Confirme que no es un robot"],
  ["internal_error", 500, "Ocurrió un error de nuestro lado. Intente en un momento"],
];

describe("the table of errors", () => {
  it("holds exactly the situations of the contract", () => {
    expect(new Set(SITUATIONS.map(([code]) => code))).toEqual(new Set(CODES));
  });

  for (const [code, status, es, details] of SITUATIONS) {
    it(`${code} is ${status}: ${es}`, () => {
      expect({ status: ERRORS[code].status, es: errorText(code, "es", details) }).toEqual({ status, es });
    });
  }

  it.each(CODES)("%s has a title and every form of its text in both languages", (code) => {
    const { title, es, en } = ERRORS[code];
    const forms = (text: typeof es) => (typeof text === "string" ? [text] : [text.one, text.other]);
    expect(forms(es)).toHaveLength(forms(en).length);
    for (const text of [title.es, title.en, ...forms(es), ...forms(en)]) {
      expect(text.trim()).toBe(text);
      expect(text).not.toBe("");
    }
    expect(title.es).not.toBe(title.en);
  });

  it.each(CODES)("%s asks for the same placeholders in both languages, and all of them are filled", (code) => {
    const names = (text: (typeof ERRORS)[ErrorCode]["es"]) =>
      (typeof text === "string" ? [text] : [text.one, text.other]).map((form) => form.match(/\{\w+\}/g)?.join() ?? "");
    const { es, en } = ERRORS[code];
    expect(new Set([...names(es), ...names(en)]).size).toBe(1);
    for (const locale of LOCALES) {
      for (const count of [0, 1, 2, 60, 61, 1_000_000]) {
        const details = { ...DETAILS, retryAfterSeconds: count, attemptsRemaining: count };
        expect(errorText(code, locale, details)).not.toMatch(/[{}]/);
      }
    }
  });

  it("holds only statuses of an error, and its counts are of waits and attempts", () => {
    for (const code of CODES) {
      const { status, es } = ERRORS[code];
      expect([400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503]).toContain(status);
      if (status === 429) expect(errorText(code, "es", DETAILS)).toMatch(/ (segundos|minutos)\b/);
      else if (typeof es !== "string") expect(code).toBe("code_incorrect");
    }
  });
});

describe("the text of an error", () => {
  it.each([
    ["code_incorrect", { attemptsRemaining: 1 }, "Incorrect code. 1 attempt left"],
    ["code_incorrect", { attemptsRemaining: 4 }, "Incorrect code. 4 attempts left"],
    ["cooldown", { retryAfterSeconds: 1 }, "Wait 1 second before sending again"],
    ["rate_limited", { retryAfterSeconds: 119 }, "Too many codes were requested. Try again in 2 minutes"],
  ] as const)("counts in English: %s", (code, details, text) => {
    expect(errorText(code, "en", details)).toBe(text);
  });

  it("speaks of the problem in the language of the reader", () => {
    expect(errorText("fields_invalid", "en", PROBLEM)).toBe("The request is not valid: to is missing");
  });

  it("does not fill what a problem says, nor lose its dollar signs", () => {
    const problem = { es: "{minutes} $& $1", en: "{minutes} $& $1" };
    expect(errorText("fields_invalid", "es", { problem })).toBe("La solicitud no es válida: {minutes} $& $1");
  });

  it("throws for a placeholder without a value: it is a bug", () => {
    expect(() => errorText("cooldown", "es")).toThrow("cooldown: no value for {seconds}");
    expect(() => errorText("json_invalid", "en", { digits: 6 })).toThrow("json_invalid: no value for {problem}");
  });
});
