import type { DatabaseSync } from "node:sqlite";
import type { NewEvent } from "../../../domain/event.ts";
import type { EventStore, StoredEvent } from "../../../ports/event-store.ts";
import { prepare } from "./statement.ts";

export type AppendEvent = (event: NewEvent) => void;

/** Appends inside a step of the writer. */
export function createEventAppender(database: DatabaseSync): AppendEvent {
  const insert = prepare(
    database,
    "insert into events (at, tenant, type, entity_id, message_id, data) values (?, ?, ?, ?, ?, ?)",
  );
  return ({ at, tenant, type, entityId, messageId, data }) => {
    insert.run(at, tenant, type, entityId, messageId ?? null, data === undefined ? "{}" : JSON.stringify(data));
  };
}

interface EventRow {
  readonly seq: number;
  readonly at: number;
  readonly tenant: string;
  readonly type: string;
  readonly entity_id: string;
  readonly message_id: string | null;
  readonly data: string;
}

const toEvent = (row: EventRow): StoredEvent => ({
  seq: row.seq,
  at: row.at,
  tenant: row.tenant,
  type: row.type,
  verificationId: row.entity_id.startsWith("ver_") ? row.entity_id : null,
  messageId: row.message_id,
  data: JSON.parse(row.data) as StoredEvent["data"],
});

export function createEventReader(reader: DatabaseSync): EventStore {
  const after = prepare<EventRow>(reader, "select * from events where tenant = ? and seq > ? order by seq limit ?");
  const newest = prepare<{ seq: number | null }>(reader, "select max(seq) as seq from events");
  const ofEntity = prepare<EventRow>(reader, "select * from events where tenant = ? and entity_id = ? order by seq");
  const verificationOf = prepare<{ verification_id: string | null }>(
    reader,
    "select verification_id from messages where tenant = ? and id = ?",
  );

  const timeline = (tenant: string, entityId: string): readonly StoredEvent[] =>
    ofEntity.all(tenant, entityId).map(toEvent);

  return {
    listEvents: async (tenant, afterSeq, limit) => after.all(tenant, afterSeq, limit).map(toEvent),
    lastSeq: async () => newest.get()?.seq ?? 0,
    verificationTimeline: async (tenant, verificationId) => timeline(tenant, verificationId),
    messageTimeline: async (tenant, messageId) => {
      const verificationId = verificationOf.get(tenant, messageId)?.verification_id;
      return timeline(tenant, verificationId ?? messageId).filter((event) => event.messageId === messageId);
    },
  };
}
