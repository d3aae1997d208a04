import type { DatabaseSync } from "node:sqlite";
import type { WebhookDeliveryState, WebhookError } from "@mestore/sms-gateway-contract";
import { concludeDelivery, disabledEvent, type WebhookDelivery } from "../../../domain/webhook.ts";
import type { WebhookStore } from "../../../ports/webhook-store.ts";
import type { AppendEvent } from "./events.ts";
import { prepare } from "./statement.ts";
import type { Writer } from "./writer.ts";

interface DeliveryRow {
  readonly id: string;
  readonly tenant: string;
  readonly webhook_id: string;
  readonly seq: number;
  readonly type: string;
  readonly at: number;
  readonly data: string;
  readonly state: WebhookDeliveryState;
  readonly attempts: number;
  readonly round: number;
  readonly due_at: number | null;
  readonly response_status: number | null;
  readonly duration_ms: number | null;
  readonly error: WebhookError | null;
  readonly created_at: number;
  readonly updated_at: number;
}

const toDelivery = (row: DeliveryRow): WebhookDelivery => ({
  id: row.id,
  tenant: row.tenant,
  webhookId: row.webhook_id,
  seq: row.seq,
  type: row.type,
  at: row.at,
  data: JSON.parse(row.data) as WebhookDelivery["data"],
  state: row.state,
  attempts: row.attempts,
  round: row.round,
  dueAt: row.due_at,
  responseStatus: row.response_status,
  durationMs: row.duration_ms,
  error: row.error,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

interface Parts {
  readonly database: DatabaseSync;
  readonly reader: DatabaseSync;
  readonly writer: Writer;
  readonly append: AppendEvent;
}

type Deliveries = Pick<
  WebhookStore,
  "fanOut" | "addDelivery" | "claimDeliveries" | "settleDelivery" | "replayDelivery" | "listDeliveries"
>;

/** What is on its way to the endpoints, and the log of what was. */
export function createWebhookDeliveries({ database, reader, writer, append }: Parts): Deliveries {
  const insert = prepare(
    database,
    `insert into webhook_deliveries (id, tenant, webhook_id, seq, type, at, data, state, attempts, round, due_at,
       response_status, duration_ms, error, created_at, updated_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const moveCursor = prepare(
    database,
    "update webhooks set after_seq = ? where id = ? and after_seq = ? and disabled_at is null",
  );
  const selectDue = prepare<DeliveryRow>(
    database,
    `select * from webhook_deliveries where webhook_id = ? and due_at <= ? and due_at is not null
     order by due_at, seq limit ?`,
  );
  const begin = prepare(
    database,
    `update webhook_deliveries set state = 'sending', attempts = attempts + 1, round = round + 1, due_at = ?, updated_at = ?
     where id = ?`,
  );
  const selectById = prepare<DeliveryRow>(database, "select * from webhook_deliveries where id = ?");
  const settle = prepare(
    database,
    `update webhook_deliveries set state = ?, due_at = ?, response_status = ?, duration_ms = ?, error = ?, updated_at = ?
     where id = ?`,
  );
  const selectSuccess = prepare<{ lastSuccessAt: number | null }>(
    database,
    'select last_success_at as "lastSuccessAt" from webhooks where id = ?',
  );
  const noteSuccess = prepare(database, "update webhooks set last_success_at = ? where id = ?");
  const disable = prepare(
    database,
    "update webhooks set disabled_at = ?, disabled_reason = ? where id = ? and disabled_at is null",
  );
  const replay = prepare(
    database,
    `update webhook_deliveries set state = 'pending', round = 0, due_at = ?1, updated_at = ?1
     where tenant = ?2 and id = ?3 and state <> 'sending'`,
  );
  const selectOwn = prepare<DeliveryRow>(database, "select * from webhook_deliveries where tenant = ? and id = ?");
  const page = prepare<DeliveryRow>(
    reader,
    `select * from webhook_deliveries where tenant = ?1 and webhook_id = ?2 and (?3 is null or id < ?3)
       and (?4 is null or state = ?4) order by id desc limit ?5`,
  );

  const add = (d: WebhookDelivery): void => {
    const head = [d.id, d.tenant, d.webhookId, d.seq, d.type, d.at, JSON.stringify(d.data)];
    const progress = [d.state, d.attempts, d.round, d.dueAt, d.responseStatus, d.durationMs, d.error];
    insert.run(...head, ...progress, d.createdAt, d.updatedAt);
  };

  const read = (id: string): WebhookDelivery => {
    const row = selectById.get(id);
    if (row === undefined) throw new Error("a delivery went during its own step");
    return toDelivery(row);
  };

  return {
    fanOut: ({ webhook, toSeq, deliveries }) =>
      writer.run(() => {
        if (moveCursor.run(toSeq, webhook.id, webhook.afterSeq) !== 1) return false;
        deliveries.forEach(add);
        return true;
      }),
    addDelivery: (delivery) => writer.run(() => add(delivery)),
    claimDeliveries: ({ webhooks, leaseMs, now }) =>
      writer.run(() =>
        webhooks
          .flatMap(({ id, limit }) => selectDue.all(id, now, limit))
          .map(({ id }) => {
            begin.run(now + leaseMs, now, id);
            return read(id);
          }),
      ),
    settleDelivery: (delivery, attempted) =>
      writer.run(() => {
        const row = selectById.get(delivery.id);
        if (row === undefined || row.state !== "sending" || row.attempts !== delivery.attempts) return null;
        const webhook = selectSuccess.get(row.webhook_id) ?? { lastSuccessAt: null };
        const { delivery: next, isNewSuccess, disables } = concludeDelivery(toDelivery(row), webhook, attempted);
        const { state, dueAt, responseStatus, durationMs, error, updatedAt, id, webhookId } = next;
        settle.run(state, dueAt, responseStatus, durationMs, error, updatedAt, id);
        if (isNewSuccess) noteSuccess.run(updatedAt, webhookId);
        if (disables !== null && disable.run(updatedAt, disables, webhookId) === 1) {
          append(disabledEvent(next, disables, updatedAt));
        }
        return next;
      }),
    replayDelivery: (tenant, id, now) =>
      writer.run(() => {
        replay.run(now, tenant, id);
        const row = selectOwn.get(tenant, id);
        return row === undefined ? null : toDelivery(row);
      }),
    listDeliveries: async (tenant, webhookId, { state = null, before = null, limit }) =>
      page.all(tenant, webhookId, before, state, limit).map(toDelivery),
  };
}
