import { type JWTPayload, SignJWT } from "jose";
import type { TestGateway } from "../start-gateway.ts";

/** How the host application signs: with the shared secret, HS256, unless told otherwise. */
export interface TokenOptions {
  readonly secret?: string;
  readonly alg?: string;
}

/**
 * Signs a token of the host application.
 *
 * @param claims `exp` and `iat` in seconds; absent ones stay absent
 */
export function signHostToken(gateway: TestGateway, claims: JWTPayload, options: TokenOptions = {}): Promise<string> {
  const secret = options.secret ?? gateway.running.secrets.secretKey ?? "";
  return new SignJWT(claims).setProtectedHeader({ alg: options.alg ?? "HS256" }).sign(new TextEncoder().encode(secret));
}
