import type { Scope } from "@mestore/sms-gateway-contract";
import { AppError } from "../domain/app-error.ts";
import { ID_RANDOM_BYTES, toId } from "../domain/id.ts";
import { DEFAULT_TENANT } from "../domain/verification.ts";
import type { Clock } from "../ports/clock.ts";
import type { ApiKey, KeyStore } from "../ports/key-store.ts";
import type { Secrets } from "../ports/secrets.ts";

const KEY_BYTES = 32;
/** A revoked key stops within this time in every process. */
const CACHE_MS = 5_000;
const MAX_CACHED = 1_000;

export interface NewKey {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly tenant?: string;
}

export interface Keys {
  /** Makes a key; `secret` is shown this once. */
  create(key: NewKey): Promise<{ readonly key: ApiKey; readonly secret: string }>;
  /** Adds a key whose secret exists already: the development key. */
  adopt(secret: string, key: NewKey): Promise<void>;
  list(): Promise<readonly ApiKey[]>;
  /** @throws {AppError} `not_found` */
  revoke(id: string): Promise<void>;
  /** @throws {AppError} `credentials_invalid`, `scope_missing` */
  authorize(secret: string, scope: Scope): Promise<ApiKey>;
}

export function createKeys(store: KeyStore, clock: Clock, secrets: Secrets): Keys {
  const cache = new Map<string, { readonly key: ApiKey | null; readonly until: number }>();

  const find = async (fingerprint: string): Promise<ApiKey | null> => {
    const now = clock.now();
    const cached = cache.get(fingerprint);
    if (cached !== undefined && now < cached.until) return cached.key;
    const key = await store.findKey(fingerprint);
    if (cache.size >= MAX_CACHED) cache.clear();
    cache.set(fingerprint, { key, until: now + CACHE_MS });
    return key;
  };

  const add = async (secret: string, { name, scopes, tenant = DEFAULT_TENANT }: NewKey): Promise<ApiKey> => {
    const now = clock.now();
    const id = toId("key", now, secrets.randomBytes(ID_RANDOM_BYTES));
    const key: ApiKey = { id, tenant, name, scopes, createdAt: now, revokedAt: null };
    await store.addKey(key, secrets.fingerprint(secret));
    return key;
  };

  return {
    create: async (key) => {
      const secret = `sk_${secrets.randomText(KEY_BYTES)}`;
      return { key: await add(secret, key), secret };
    },
    adopt: async (secret, key) => {
      await add(secret, key);
    },
    list: () => store.listKeys(),
    revoke: async (id) => {
      if (!(await store.revokeKey(id, clock.now()))) throw new AppError("not_found");
      cache.clear();
    },
    authorize: async (secret, scope) => {
      const key = await find(secrets.fingerprint(secret));
      if (key === null || key.revokedAt !== null) throw new AppError("credentials_invalid");
      if (!key.scopes.includes(scope)) throw new AppError("scope_missing");
      return key;
    },
  };
}
