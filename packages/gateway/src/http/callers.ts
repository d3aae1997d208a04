import type { Scope } from "@mestore/sms-gateway-contract";
import type { FastifyRequest } from "fastify";
import { AppError } from "../domain/app-error.ts";
import type { Bearer } from "../ports/host-tokens.ts";
import type { ApiKey } from "../ports/key-store.ts";
import type { Services } from "./services.ts";

const BEARER = /^Bearer +([^\s]+)$/i;
const MAX_CREDENTIAL_LENGTH = 8_192;

const credential = (header: string): string => {
  const found = header.length <= MAX_CREDENTIAL_LENGTH ? BEARER.exec(header)?.[1] : undefined;
  if (found === undefined) throw new AppError("credentials_invalid");
  return found;
};

/** Lets a route through for an API key with that scope, and remembers the key; says the scope to who documents the route. */
export const requireKey = ({ keys }: Pick<Services, "keys">, scope: Scope) =>
  Object.assign(
    async (request: FastifyRequest): Promise<void> => {
      request.apiKey = await keys.authorize(credential(request.headers.authorization ?? ""), scope);
    },
    { scope },
  );

export const keyOf = ({ apiKey }: FastifyRequest): ApiKey => {
  if (apiKey === null) throw new Error("the route has no key check");
  return apiKey;
};

/**
 * The bearer behind a request, or null when there is no `Authorization` header at all.
 * A header that holds anything else is refused: it never falls back to the open flow.
 *
 * @throws {AppError} `credentials_invalid`
 */
export async function bearerOf(
  { hostTokens }: Pick<Services, "hostTokens">,
  request: FastifyRequest,
): Promise<Bearer | null> {
  const header = request.headers.authorization;
  if (header === undefined) return null;
  const bearer = await hostTokens.verify(credential(header));
  if (bearer === null) throw new AppError("credentials_invalid");
  return bearer;
}

declare module "fastify" {
  interface FastifyRequest {
    apiKey: ApiKey | null;
  }
}
