import type { Pool } from "pg";
import type { NewEvent } from "../../../domain/event.ts";
import type { EventStore, StoredEvent } from "../../../ports/event-store.ts";
import { rowsOf, type Statement, type Transaction } from "./transaction.ts";

const INSERT: Statement = {
  name: "insert_events",
  text: `insert into events (at, tenant, type, entity_id, message_id, data)
    select at, tenant, type, entity_id, message_id, data
    from json_to_recordset($1) as n (at int8, tenant text, type text, entity_id text, message_id text, data json)`,
};

const toRow = ({ at, tenant, type, entityId, messageId, data }: NewEvent) => ({
  at,
  tenant,
  type,
  entity_id: entityId,
  message_id: messageId ?? null,
  data: data ?? {},
});

/** Appends at the end of a transaction that has written something: it then has its number before it draws theirs. */
export function insertEvents(transaction: Transaction, events: readonly NewEvent[]): void {
  if (events.length > 0) transaction.send(INSERT, [JSON.stringify(events.map(toRow))]);
}

const COLUMNS = `seq, at, tenant, type, entity_id as "entityId", message_id as "messageId", data`;
const AFTER: Statement = {
  name: "events_after",
  text: `select ${COLUMNS} from events where tenant = $1 and seq > $2 and seq <= $3 order by seq limit $4`,
};
const OF_ENTITY: Statement = {
  name: "events_of_entity",
  text: `select ${COLUMNS} from events where tenant = $1 and entity_id = $2 order by seq`,
};
const OF_MESSAGE: Statement = {
  name: "events_of_message",
  text: `select ${COLUMNS} from events where tenant = $1 and message_id = $2
      and entity_id = coalesce((select verification_id from messages where tenant = $1 and id = $2), $2)
    order by seq`,
};
const DRAWN: Statement = {
  name: "events_drawn",
  text: "select case when is_called then last_value else 0 end as drawn from events_seq_seq",
};
const RUNNING: Statement = {
  name: "events_running",
  text: `select pg_snapshot_xmin(pg_current_snapshot())::text::int8 as oldest,
      pg_snapshot_xmax(pg_current_snapshot())::text::int8 as next`,
};

interface EventRow extends Omit<StoredEvent, "verificationId"> {
  readonly entityId: string;
}

const toEvent = ({ entityId, ...row }: EventRow): StoredEvent => ({
  ...row,
  verificationId: entityId.startsWith("ver_") ? entityId : null,
});

const HORIZON_TRIES = 200;
const HORIZON_STEP_MS = 5;

/**
 * Tells up to which number the events are complete. Numbers are drawn before their commit, so a higher one can become
 * visible before a lower one, and a reader that went on from the higher one would miss it. Whoever drew a number had a
 * transaction by then; so, asked after the numbers, `next` is later than all of those, and once no transaction before it
 * runs (`oldest`), every number is settled.
 *
 * @see https://www.postgresql.org/docs/current/functions-info.html (pg_snapshot_xmin, pg_snapshot_xmax)
 */
function createHorizon(pool: Pool): () => Promise<number> {
  let settled = 0;
  const look = async () => {
    const [row] = await rowsOf<{ oldest: number; next: number }>(pool, RUNNING);
    if (row === undefined) throw new Error("the database tells no transactions");
    return row;
  };
  return async () => {
    const [numbers] = await rowsOf<{ drawn: number }>(pool, DRAWN);
    const { next, oldest: first } = await look();
    let oldest = first;
    for (let tries = 0; oldest < next && tries < HORIZON_TRIES; tries++) {
      await new Promise((resolve) => setTimeout(resolve, HORIZON_STEP_MS));
      oldest = (await look()).oldest;
    }
    if (oldest >= next) settled = Math.max(settled, numbers?.drawn ?? 0);
    return settled;
  };
}

export function createEventReader(pool: Pool): EventStore {
  const horizon = createHorizon(pool);
  return {
    listEvents: async (tenant, afterSeq, limit) =>
      (await rowsOf<EventRow>(pool, AFTER, [tenant, afterSeq, await horizon(), limit])).map(toEvent),
    lastSeq: horizon,
    verificationTimeline: async (tenant, id) => (await rowsOf<EventRow>(pool, OF_ENTITY, [tenant, id])).map(toEvent),
    messageTimeline: async (tenant, id) => (await rowsOf<EventRow>(pool, OF_MESSAGE, [tenant, id])).map(toEvent),
  };
}
