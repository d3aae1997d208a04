import { AppError } from "./app-error.ts";
import { isPublicAddress } from "./public-address.ts";

/** What an endpoint may be. */
export interface WebhookUrlPolicy {
  /** False wants https. */
  readonly allowsHttp: boolean;
  /** True also reaches this machine and its networks; never in production. */
  readonly allowsPrivate: boolean;
}

const refuse = (es: string, en: string): AppError => new AppError("fields_invalid", { problem: { es, en } });

/** The host of a URL as an address: brackets off, or null for a name. The parser has resolved every other spelling. */
export function addressOf({ hostname }: URL): string | null {
  if (hostname.startsWith("[")) return hostname.slice(1, -1);
  return /^\d+\.\d+\.\d+\.\d+$/.test(hostname) ? hostname : null;
}

/**
 * Reads where an endpoint is. Names are resolved and checked again at each attempt.
 *
 * @throws {AppError} `fields_invalid`
 */
export function parseWebhookUrl(text: string, { allowsHttp, allowsPrivate }: WebhookUrlPolicy): URL {
  const url = URL.parse(text);
  if (url === null) throw refuse("url no es una URL", "url is not a URL");
  if (url.protocol !== "https:" && !(allowsHttp && url.protocol === "http:")) {
    throw refuse("url debe empezar con https://", "url must begin with https://");
  }
  if (url.username !== "" || url.password !== "") {
    throw refuse("url no puede llevar usuario ni contraseña", "url cannot hold a user or a password");
  }
  if (url.hash !== "") throw refuse("url no puede llevar fragmento", "url cannot hold a fragment");
  const address = addressOf(url);
  if (!allowsPrivate && address !== null && !isPublicAddress(address)) {
    throw refuse("url lleva a una dirección que no es pública", "url leads to an address that is not public");
  }
  return url;
}
