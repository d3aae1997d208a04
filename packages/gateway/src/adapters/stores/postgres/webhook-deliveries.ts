import { concludeDelivery, disabledEvent, type Webhook, type WebhookDelivery } from "../../../domain/webhook.ts";
import type { WebhookStore } from "../../../ports/webhook-store.ts";
import type { Pools } from "./connection.ts";
import { insertEvents } from "./events.ts";
import { inTransaction, rowsOf, type Statement } from "./transaction.ts";

const columns = (table: string): string =>
  Object.entries({
    ...{ id: "id", tenant: "tenant", webhook_id: "webhookId", seq: "seq", type: "type", at: "at", data: "data" },
    ...{ state: "state", attempts: "attempts", round: "round", due_at: "dueAt", error: "error" },
    ...{ response_status: "responseStatus", duration_ms: "durationMs" },
    ...{ created_at: "createdAt", updated_at: "updatedAt" },
  })
    .map(([column, name]) => `${table}.${column} as "${name}"`)
    .join(", ");
const COLUMNS = columns("d");

const INSERT: Statement = {
  name: "insert_webhook_deliveries",
  text: `insert into webhook_deliveries (id, tenant, webhook_id, seq, type, at, data, state, attempts, round, due_at,
      response_status, duration_ms, error, created_at, updated_at)
    select n.id, n.tenant, n."webhookId", n.seq, n.type, n.at, n.data, n.state, n.attempts, n.round, n."dueAt",
      n."responseStatus", n."durationMs", n.error, n."createdAt", n."updatedAt"
    from json_to_recordset($1) as n (id text, tenant text, "webhookId" text, seq int8, type text, at int8, data json,
      state text, attempts int, round int, "dueAt" int8, "responseStatus" int, "durationMs" int, error text,
      "createdAt" int8, "updatedAt" int8)`,
};
const MOVE_CURSOR: Statement = {
  name: "move_webhook_cursor",
  text: "update webhooks set after_seq = $1 where id = $2 and after_seq = $3 and disabled_at is null returning id",
};
/** Due rows that another worker is just taking are passed over. */
const CLAIM: Statement = {
  name: "claim_webhook_deliveries",
  text: `with due as (
      select found.id from unnest($1::text[], $2::int[]) as w (webhook_id, places)
        cross join lateral (
          select d.id from webhook_deliveries d
          where d.webhook_id = w.webhook_id and d.due_at <= $3 and d.due_at is not null
          order by d.due_at, d.seq limit w.places for update skip locked
        ) as found
    )
    update webhook_deliveries d
    set state = 'sending', attempts = attempts + 1, round = round + 1, due_at = $4, updated_at = $3
    from due where d.id = due.id returning ${COLUMNS}`,
};
const LOCK: Statement = {
  name: "lock_webhook_delivery",
  text: `select ${COLUMNS} from webhook_deliveries d where d.id = $1 and d.attempts = $2 and d.state = 'sending' for update`,
};
const LAST_SUCCESS: Statement = {
  name: "webhook_last_success",
  text: 'select last_success_at as "lastSuccessAt" from webhooks where id = $1',
};
const SETTLE: Statement = {
  name: "settle_webhook_delivery",
  text: `update webhook_deliveries set state = $1, due_at = $2, response_status = $3, duration_ms = $4, error = $5,
      updated_at = $6
    where id = $7`,
};
const NOTE_SUCCESS: Statement = {
  name: "note_webhook_success",
  text: "update webhooks set last_success_at = greatest(last_success_at, $1) where id = $2",
};
const DISABLE: Statement = {
  name: "disable_webhook",
  text: `update webhooks set disabled_at = $1, disabled_reason = $2 where id = $3 and disabled_at is null returning id`,
};
const REPLAY: Statement = {
  name: "replay_webhook_delivery",
  text: `update webhook_deliveries d set state = 'pending', round = 0, due_at = $1, updated_at = $1
    where d.tenant = $2 and d.id = $3 and d.state <> 'sending' returning ${COLUMNS}`,
};
const READ: Statement = {
  name: "read_webhook_delivery",
  text: `select ${COLUMNS} from webhook_deliveries d where d.tenant = $1 and d.id = $2`,
};
const PAGE: Statement = {
  name: "webhook_delivery_page",
  text: `select ${COLUMNS} from webhook_deliveries d
    where d.tenant = $1 and d.webhook_id = $2 and ($3::text is null or d.id < $3) and ($4::text is null or d.state = $4)
    order by d.id desc limit $5`,
};

type Deliveries = Pick<
  WebhookStore,
  "fanOut" | "addDelivery" | "claimDeliveries" | "settleDelivery" | "replayDelivery" | "listDeliveries"
>;

const bySeq = (a: WebhookDelivery, b: WebhookDelivery): number => a.seq - b.seq;

/** What is on its way to the endpoints, and the log of what was. */
export const createWebhookDeliveries = ({ work, read }: Pools): Deliveries => ({
  fanOut: ({ webhook, toSeq, deliveries }) =>
    inTransaction(work, async (transaction) => {
      const moved = await transaction.rows(MOVE_CURSOR, [toSeq, webhook.id, webhook.afterSeq]);
      const isFirst = moved.length === 1;
      if (isFirst && deliveries.length > 0) transaction.send(INSERT, [JSON.stringify(deliveries)]);
      await transaction.commit();
      return isFirst;
    }),
  addDelivery: async (delivery) => {
    await rowsOf(work, INSERT, [JSON.stringify([delivery])]);
  },
  claimDeliveries: async ({ webhooks, leaseMs, now }) => {
    const [ids, limits] = [webhooks.map(({ id }) => id), webhooks.map(({ limit }) => limit)];
    return [...(await rowsOf<WebhookDelivery>(work, CLAIM, [ids, limits, now, now + leaseMs]))].sort(bySeq);
  },
  settleDelivery: (delivery, attempted) =>
    inTransaction(work, async (transaction) => {
      const [[running], [webhook]] = await Promise.all([
        transaction.rows<WebhookDelivery>(LOCK, [delivery.id, delivery.attempts]),
        transaction.rows<Pick<Webhook, "lastSuccessAt">>(LAST_SUCCESS, [delivery.webhookId]),
      ]);
      if (running === undefined) {
        await transaction.commit();
        return null;
      }
      const known = webhook ?? { lastSuccessAt: null };
      const { delivery: next, isNewSuccess, disables } = concludeDelivery(running, known, attempted);
      const { state, dueAt, responseStatus, durationMs, error, updatedAt, id, webhookId } = next;
      transaction.send(SETTLE, [state, dueAt, responseStatus, durationMs, error, updatedAt, id]);
      if (isNewSuccess) transaction.send(NOTE_SUCCESS, [updatedAt, webhookId]);
      if (disables !== null) {
        const switched = await transaction.rows(DISABLE, [updatedAt, disables, webhookId]);
        if (switched.length === 1) insertEvents(transaction, [disabledEvent(next, disables, updatedAt)]);
      }
      await transaction.commit();
      return next;
    }),
  replayDelivery: async (tenant, id, now) => {
    const [replayed] = await rowsOf<WebhookDelivery>(work, REPLAY, [now, tenant, id]);
    return replayed ?? (await rowsOf<WebhookDelivery>(work, READ, [tenant, id]))[0] ?? null;
  },
  listDeliveries: (tenant, webhookId, { state = null, before = null, limit }) =>
    rowsOf<WebhookDelivery>(read, PAGE, [tenant, webhookId, before, state, limit]),
});
