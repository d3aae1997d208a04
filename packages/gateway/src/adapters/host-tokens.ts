import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from "jose";
import { AppError } from "../domain/app-error.ts";
import type { Bearer, HostTokens } from "../ports/host-tokens.ts";

export interface HostTokensOptions {
  /** Shared HS256 secret; not used when `jwksUrl` is set. */
  readonly secretKey: string | undefined;
  readonly jwksUrl: string | undefined;
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

const LEEWAY_SECONDS = 30;
const JWKS_TIMEOUT_MS = 5_000;
/** The host signs refresh and reset tokens with the same key: only access tokens identify anybody. */
const TYPE_CLAIMS = ["typ", "type", "token_type"] as const;
const ASYMMETRIC = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];

const textOf = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);

const isAccessToken = (payload: JWTPayload): boolean =>
  TYPE_CLAIMS.every((claim) => payload[claim] === undefined || payload[claim] === "access");

/** `sub` is text; some hosts sign it as a number. */
const subjectOf = ({ sub }: JWTPayload): string | null =>
  typeof sub === "number" ? String(sub) : typeof sub === "string" && sub.length <= 255 ? textOf(sub) : null;

const toBearer = (payload: JWTPayload): Bearer | null => {
  const sub = subjectOf(payload);
  if (sub === null || !isAccessToken(payload) || payload.exp === undefined) return null;
  return {
    sub,
    issuedAt: (payload.iat ?? 0) * 1000,
    phone: textOf(payload["phone_number"]) ?? textOf(payload["telefono"]),
    email: textOf(payload.email),
    name: textOf(payload["name"]) ?? textOf(payload["nombre"]),
  };
};

/** Tells a key set that cannot be read (no answer, an error page, nonsense) from a token that does not stand. */
const isKeySetTrouble = (error: unknown): boolean =>
  !(error instanceof errors.JOSEError) ||
  error instanceof errors.JWKSTimeout ||
  error instanceof errors.JWKSInvalid ||
  error.code === errors.JOSEError.code;

/**
 * Checks tokens of the host application with its shared secret or its public key set.
 *
 * @see RFC 8725, JSON Web Token Best Current Practices
 */
export function createHostTokens({ secretKey, jwksUrl, issuer, audience, now }: HostTokensOptions): HostTokens {
  const rules = {
    clockTolerance: LEEWAY_SECONDS,
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
  };
  const remote =
    jwksUrl === undefined ? null : createRemoteJWKSet(new URL(jwksUrl), { timeoutDuration: JWKS_TIMEOUT_MS });
  const secret = secretKey === undefined ? null : new TextEncoder().encode(secretKey);

  const payloadOf = async (token: string): Promise<JWTPayload | null> => {
    const currentDate = new Date(now());
    if (remote !== null) {
      return (await jwtVerify(token, remote, { ...rules, currentDate, algorithms: ASYMMETRIC })).payload;
    }
    if (secret === null) return null;
    return (await jwtVerify(token, secret, { ...rules, currentDate, algorithms: ["HS256"] })).payload;
  };

  return {
    verify: async (token) => {
      try {
        const payload = await payloadOf(token);
        return payload === null ? null : toBearer(payload);
      } catch (error) {
        if (remote !== null && isKeySetTrouble(error)) {
          throw new AppError("service_unavailable", { retryAfterSeconds: 5 }, { cause: error });
        }
        return null;
      }
    },
  };
}
