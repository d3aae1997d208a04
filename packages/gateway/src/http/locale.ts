import type { Locale } from "@mestore/sms-gateway-contract/errors";
import type { FastifyRequest } from "fastify";
import Negotiator from "negotiator";

const OTHER: Readonly<Record<Locale, Locale>> = { es: "en", en: "es" };

/** The language of an answer: the default one unless `Accept-Language` prefers the other (RFC 9110, 12.5.4). */
export function localeOf(request: Pick<FastifyRequest, "headers">, defaultLocale: Locale): Locale {
  if (request.headers["accept-language"] === undefined) return defaultLocale;
  const accepted = new Negotiator(request).language([defaultLocale, OTHER[defaultLocale]]);
  return accepted === OTHER[defaultLocale] ? accepted : defaultLocale;
}
