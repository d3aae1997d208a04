import type { DatabaseSync } from "node:sqlite";
import type { WebhookDisabledReason } from "@mestore/sms-gateway-contract";
import type { Webhook } from "../../../domain/webhook.ts";
import type { WebhookStore } from "../../../ports/webhook-store.ts";
import { prepare } from "./statement.ts";
import type { Writer } from "./writer.ts";

interface WebhookRow {
  readonly id: string;
  readonly tenant: string;
  readonly url: string;
  readonly events: string;
  readonly description: string;
  readonly salt: string;
  readonly kid: string;
  readonly previous_salt: string | null;
  readonly previous_kid: string | null;
  readonly previous_until: number | null;
  readonly disabled_at: number | null;
  readonly disabled_reason: WebhookDisabledReason | null;
  readonly last_success_at: number | null;
  readonly after_seq: number;
  readonly created_at: number;
}

const toWebhook = (row: WebhookRow): Webhook => ({
  id: row.id,
  tenant: row.tenant,
  url: row.url,
  events: JSON.parse(row.events) as string[],
  description: row.description,
  key: { salt: row.salt, kid: row.kid },
  previousKey:
    row.previous_salt === null || row.previous_kid === null || row.previous_until === null
      ? null
      : { salt: row.previous_salt, kid: row.previous_kid, until: row.previous_until },
  disabledAt: row.disabled_at,
  disabledReason: row.disabled_reason,
  lastSuccessAt: row.last_success_at,
  afterSeq: row.after_seq,
  createdAt: row.created_at,
});

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
export function createWebhooks(database: DatabaseSync, reader: DatabaseSync, writer: Writer): Endpoints {
  const insert = prepare(
    database,
    `insert into webhooks (id, tenant, created_at, url, events, description, salt, kid, previous_salt, previous_kid,
       previous_until, disabled_at, disabled_reason, last_success_at, after_seq)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const update = prepare(
    database,
    `update webhooks set url = ?, events = ?, description = ?, salt = ?, kid = ?, previous_salt = ?, previous_kid = ?,
       previous_until = ?, disabled_at = ?, disabled_reason = ?, last_success_at = ?, after_seq = ? where id = ?`,
  );
  const remove = prepare(database, "delete from webhooks where tenant = ? and id = ?");
  const one = "select * from webhooks where tenant = ? and id = ?";
  const selectInStep = prepare<WebhookRow>(database, one);
  const select = prepare<WebhookRow>(reader, one);
  const list = prepare<WebhookRow>(reader, "select * from webhooks where tenant = ? order by id");
  const enabled = prepare<WebhookRow>(reader, "select * from webhooks where disabled_at is null order by id");

  return {
    addWebhook: (webhook) =>
      writer.run(() => {
        insert.run(webhook.id, webhook.tenant, webhook.createdAt, ...valuesOf(webhook));
      }),
    listWebhooks: async (tenant) => list.all(tenant).map(toWebhook),
    readWebhook: async (tenant, id) => {
      const row = select.get(tenant, id);
      return row === undefined ? null : toWebhook(row);
    },
    changeWebhook: (tenant, id, change) =>
      writer.run(() => {
        const row = selectInStep.get(tenant, id);
        if (row === undefined) return null;
        const changed = change(toWebhook(row));
        update.run(...valuesOf(changed), id);
        return changed;
      }),
    removeWebhook: (tenant, id) => writer.run(() => remove.run(tenant, id) === 1),
    listEnabledWebhooks: async () => enabled.all().map(toWebhook),
  };
}
