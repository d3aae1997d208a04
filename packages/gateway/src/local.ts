import { readFileSync } from "node:fs";
import { SignJWT } from "jose";
import { createSecrets, createSystemClock } from "./adapters/system.ts";
import type { Connection, GivenConnection, Local, SignedToken, Terminal, TokenClaims } from "./cli/local.ts";
import type { Config } from "./config.ts";
import { examine } from "./examine.ts";
import { createContacts } from "./services/contacts.ts";
import { createKeys } from "./services/keys.ts";
import { type ProcessInput, readConfig, readSecrets } from "./settings.ts";
import { reasonOf, withStore } from "./with-store.ts";

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

const isHere = (url: string): boolean => LOOPBACK.test(URL.parse(url)?.hostname ?? "");

async function signToken(config: Config, claims: TokenClaims, ttlSeconds: number): Promise<SignedToken> {
  const { auth, isProduction } = config;
  if (isProduction)
    return {
      kind: "refused",
      problem: "tokens are made in development only; in production the host application signs them",
    };
  if (auth.jwksUrl !== undefined)
    return { kind: "refused", problem: "with JWT_JWKS_URL set only the host application can sign tokens" };
  const { secretKey } = readSecrets(config);
  if (secretKey === undefined) throw new Error("development without SECRET_KEY");
  const { sub, email, phone, name } = claims;
  const token = new SignJWT({
    type: "access",
    ...(email === undefined ? {} : { email }),
    ...(phone === undefined ? {} : { phone_number: phone }),
    ...(name === undefined ? {} : { name }),
  })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject(sub)
    .setIssuedAt()
    .setExpirationTime(`${ttlSeconds} s`);
  if (auth.issuer !== undefined) token.setIssuer(auth.issuer);
  if (auth.audience !== undefined) token.setAudience(auth.audience);
  return { kind: "signed", token: await token.sign(new TextEncoder().encode(secretKey)) };
}

/** The development key opens this machine alone: it is not sent to another one. */
function connection(input: ProcessInput, { url, key }: GivenConnection): Connection {
  if (url !== undefined && key !== undefined) return { url, key, locale: "es" };
  const config = readConfig(input);
  const { gatewayUrl, gatewayKey } = config.cli;
  const target = url ?? gatewayUrl;
  const developmentKey = (): string | undefined =>
    config.isProduction || !isHere(target) ? undefined : readSecrets(config).developmentKey;
  return { url: target, key: key ?? gatewayKey ?? developmentKey(), locale: config.policy.defaultLocale };
}

export interface LocalOptions {
  readonly input: ProcessInput;
  readonly version: string;
  readonly serve: Local["serve"];
  readonly terminal: Terminal;
}

/** Gives the command line this machine: its configuration, its database, its terminal. */
export function createLocal({ input, version, serve, terminal }: LocalOptions): Local {
  const clock = createSystemClock();
  return {
    version,
    terminal,
    serve,
    migrate: async () => {
      const config = readConfig(input);
      await withStore(config, (store) => store.ping());
      return config.store.name;
    },
    connection: (given) => connection(input, given),
    withKeys: (use) => {
      const config = readConfig(input);
      return withStore(config, (store) => use(createKeys(store, clock, createSecrets(readSecrets(config)))));
    },
    withContacts: (use) => {
      const config = readConfig(input);
      const { allowedCountries } = config.policy;
      return withStore(config, (store) => use(createContacts(store, clock, allowedCountries), allowedCountries));
    },
    signToken: (claims, ttlSeconds) => signToken(readConfig(input), claims, ttlSeconds),
    readText: (path) => {
      try {
        return { kind: "read", text: readFileSync(path, "utf8") };
      } catch (error) {
        return { kind: "refused", problem: `${path} cannot be read (${reasonOf(error)})` };
      }
    },
    examine: () => examine(input),
  };
}
