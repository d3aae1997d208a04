import type { DatabaseSync } from "node:sqlite";
import type { Scope } from "@mestore/sms-gateway-contract";
import type { ApiKey, KeyStore } from "../../../ports/key-store.ts";
import { prepare } from "./statement.ts";
import type { Writer } from "./writer.ts";

interface KeyRow {
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  readonly scopes: string;
  readonly created_at: number;
  readonly revoked_at: number | null;
}

const toKey = (row: KeyRow): ApiKey => ({
  id: row.id,
  tenant: row.tenant,
  name: row.name,
  scopes: row.scopes.split(" ") as Scope[],
  createdAt: row.created_at,
  revokedAt: row.revoked_at,
});

export function createKeys(database: DatabaseSync, reader: DatabaseSync, writer: Writer): KeyStore {
  const insert = prepare(
    database,
    `insert into api_keys (fingerprint, id, tenant, name, scopes, created_at, revoked_at) values (?, ?, ?, ?, ?, ?, ?)
     on conflict (fingerprint) do nothing`,
  );
  const revoke = prepare(database, "update api_keys set revoked_at = ? where id = ? and revoked_at is null");
  const find = prepare<KeyRow>(reader, "select * from api_keys where fingerprint = ?");
  const list = prepare<KeyRow>(reader, "select * from api_keys order by created_at");
  return {
    addKey: (key, fingerprint) =>
      writer.run(() => {
        insert.run(fingerprint, key.id, key.tenant, key.name, key.scopes.join(" "), key.createdAt, key.revokedAt);
      }),
    findKey: async (fingerprint) => {
      const row = find.get(fingerprint);
      return row === undefined ? null : toKey(row);
    },
    listKeys: async () => list.all().map(toKey),
    revokeKey: (id, now) => writer.run(() => revoke.run(now, id) === 1),
  };
}
