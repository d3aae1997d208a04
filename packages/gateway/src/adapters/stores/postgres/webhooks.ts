import type { Webhook } from "../../../domain/webhook.ts";
import type { WebhookStore } from "../../../ports/webhook-store.ts";
import type { Pools } from "./connection.ts";
import { assertStorable } from "./storable.ts";
import { inTransaction, rowsOf, type Statement } from "./transaction.ts";

interface WebhookRow extends Omit<Webhook, "key" | "previousKey"> {
  readonly salt: string;
  readonly kid: string;
  readonly previousSalt: string | null;
  readonly previousKid: string | null;
  readonly previousUntil: number | null;
}

const toWebhook = ({ salt, kid, previousSalt, previousKid, previousUntil, ...row }: WebhookRow): Webhook => ({
  ...row,
  key: { salt, kid },
  previousKey:
    previousSalt === null || previousKid === null || previousUntil === null
      ? null
      : { salt: previousSalt, kid: previousKid, until: previousUntil },
});

const COLUMNS = `id, tenant, url, events, description, salt, kid, previous_salt as "previousSalt",
  previous_kid as "previousKid", previous_until as "previousUntil", disabled_at as "disabledAt",
  disabled_reason as "disabledReason", last_success_at as "lastSuccessAt", after_seq as "afterSeq",
  created_at as "createdAt"`;
const INSERT: Statement = {
  name: "add_webhook",
  text: `insert into webhooks (url, events, description, salt, kid, previous_salt, previous_kid, previous_until,
      disabled_at, disabled_reason, last_success_at, after_seq, id, tenant, created_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
};
const UPDATE: Statement = {
  name: "change_webhook",
  text: `update webhooks set url = $1, events = $2, description = $3, salt = $4, kid = $5, previous_salt = $6,
      previous_kid = $7, previous_until = $8, disabled_at = $9, disabled_reason = $10, last_success_at = $11,
      after_seq = $12
    where id = $13`,
};
const READ: Statement = {
  name: "read_webhook",
  text: `select ${COLUMNS} from webhooks where tenant = $1 and id = $2`,
};
const LOCK: Statement = { name: "lock_webhook", text: `${READ.text} for update` };
const LIST: Statement = {
  name: "list_webhooks",
  text: `select ${COLUMNS} from webhooks where tenant = $1 order by id`,
};
const ENABLED: Statement = {
  name: "enabled_webhooks",
  text: `select ${COLUMNS} from webhooks where disabled_at is null order by id`,
};
const REMOVE: Statement = {
  name: "remove_webhook",
  text: "delete from webhooks where tenant = $1 and id = $2 returning id",
};

/** What may change, in the order of the statements. */
const valuesOf = ({ url, events, description, key, previousKey, ...rest }: Webhook) => [
  url,
  JSON.stringify(events),
  description,
  key.salt,
  key.kid,
  previousKey?.salt ?? null,
  previousKey?.kid ?? null,
  previousKey?.until ?? null,
  rest.disabledAt,
  rest.disabledReason,
  rest.lastSuccessAt,
  rest.afterSeq,
];

type Endpoints = Pick<
  WebhookStore,
  "addWebhook" | "listWebhooks" | "readWebhook" | "changeWebhook" | "removeWebhook" | "listEnabledWebhooks"
>;

/** The endpoints that operators registered. */
export const createWebhooks = ({ work, read }: Pools): Endpoints => ({
  addWebhook: async (webhook) => {
    const { id, tenant, createdAt, url, description } = webhook;
    assertStorable([url, description]);
    await rowsOf(work, INSERT, [...valuesOf(webhook), id, tenant, createdAt]);
  },
  listWebhooks: async (tenant) => (await rowsOf<WebhookRow>(read, LIST, [tenant])).map(toWebhook),
  readWebhook: async (tenant, id) => {
    const [row] = await rowsOf<WebhookRow>(read, READ, [tenant, id]);
    return row === undefined ? null : toWebhook(row);
  },
  changeWebhook: (tenant, id, change) =>
    inTransaction(work, async (transaction) => {
      const [row] = await transaction.rows<WebhookRow>(LOCK, [tenant, id]);
      const changed = row === undefined ? null : change(toWebhook(row));
      if (changed !== null) {
        assertStorable([changed.url, changed.description]);
        transaction.send(UPDATE, [...valuesOf(changed), id]);
      }
      await transaction.commit();
      return changed;
    }),
  removeWebhook: async (tenant, id) => (await rowsOf(work, REMOVE, [tenant, id])).length === 1,
  listEnabledWebhooks: async () => (await rowsOf<WebhookRow>(read, ENABLED)).map(toWebhook),
});
