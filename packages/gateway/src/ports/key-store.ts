import type { Scope } from "@mestore/sms-gateway-contract";

/** An API key of surface B. The key itself is shown once and never stored. */
export interface ApiKey {
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: number;
  readonly revokedAt: number | null;
}

export interface KeyStore {
  /** Adds a key under its fingerprint; the same fingerprint again changes nothing. */
  addKey(key: ApiKey, fingerprint: string): Promise<void>;
  findKey(fingerprint: string): Promise<ApiKey | null>;
  listKeys(): Promise<readonly ApiKey[]>;
  /** False when there is no such key, or it was revoked before. */
  revokeKey(id: string, now: number): Promise<boolean>;
}
