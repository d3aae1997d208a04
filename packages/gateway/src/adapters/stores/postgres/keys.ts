import type { Scope } from "@mestore/sms-gateway-contract";
import type { ApiKey, KeyStore } from "../../../ports/key-store.ts";
import type { Pools } from "./connection.ts";
import { rowsOf, type Statement } from "./transaction.ts";

const COLUMNS = `id, tenant, name, scopes, created_at as "createdAt", revoked_at as "revokedAt"`;
const INSERT: Statement = {
  name: "add_key",
  text: `insert into api_keys (fingerprint, id, tenant, name, scopes, created_at, revoked_at)
    values ($1, $2, $3, $4, $5, $6, $7) on conflict (fingerprint) do nothing`,
};
const FIND: Statement = { name: "find_key", text: `select ${COLUMNS} from api_keys where fingerprint = $1` };
const LIST: Statement = { name: "list_keys", text: `select ${COLUMNS} from api_keys order by created_at, id` };
const REVOKE: Statement = {
  name: "revoke_key",
  text: "update api_keys set revoked_at = $2 where id = $1 and revoked_at is null returning id",
};

interface KeyRow extends Omit<ApiKey, "scopes"> {
  readonly scopes: string;
}

const toKey = (row: KeyRow): ApiKey => ({ ...row, scopes: row.scopes.split(" ") as Scope[] });

export const createKeys = ({ work, read }: Pools): KeyStore => ({
  addKey: async (key, fingerprint) => {
    const { id, tenant, name, scopes, createdAt, revokedAt } = key;
    await rowsOf(work, INSERT, [fingerprint, id, tenant, name, scopes.join(" "), createdAt, revokedAt]);
  },
  findKey: async (fingerprint) => {
    const [row] = await rowsOf<KeyRow>(read, FIND, [fingerprint]);
    return row === undefined ? null : toKey(row);
  },
  listKeys: async () => (await rowsOf<KeyRow>(read, LIST)).map(toKey),
  revokeKey: async (id, now) => (await rowsOf(work, REVOKE, [id, now])).length === 1,
});
