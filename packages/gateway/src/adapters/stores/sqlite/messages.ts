import type { DatabaseSync } from "node:sqlite";
import type { NewMessage } from "../../../domain/message.ts";
import type { EnqueueOutcome, EnqueueStep, MessageStore, QueueState } from "../../../ports/message-store.ts";
import type { ChargeBook } from "./charges.ts";
import type { AppendEvent } from "./events.ts";
import type { KeepFirstAnswer } from "./idempotency.ts";
import type { IsOptedOut } from "./opt-outs.ts";
import { type MessageRow, toMessage } from "./rows.ts";
import { prepare } from "./statement.ts";
import type { Writer } from "./writer.ts";

export interface MessageInsert {
  readonly message: NewMessage;
  readonly verificationId: string | null;
  /** The first attempt begins with the insert, leased to this process. */
  readonly isBegun: boolean;
  readonly note: string;
  readonly now: number;
}

export type InsertMessage = (insert: MessageInsert) => void;

/** Inserts inside a step of the writer. */
export function createMessageInserter(database: DatabaseSync): InsertMessage {
  const insert = prepare(
    database,
    `insert into messages (id, tenant, lane, channel, to_address, locale, country, category, template, text, user_name, segments,
       provider, provider_message_id, verification_id, state, error_code, attempts, unknown_attempts, tried, charges, created_at,
       updated_at, deliver_before, due_at)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, null, ?, ?, null, ?, 0, ?, ?, ?, ?, ?, ?)`,
  );
  return ({ message: m, verificationId, isBegun, note, now }) => {
    insert.run(
      m.id,
      m.tenant,
      m.lane,
      m.channel,
      m.to,
      m.locale,
      m.country,
      m.category,
      m.template,
      m.text,
      m.userName,
      m.segments,
      m.provider,
      verificationId,
      isBegun ? "sending" : "queued",
      isBegun ? 1 : 0,
      isBegun ? JSON.stringify([m.provider]) : "[]",
      note,
      now,
      now,
      m.deliverBefore,
      isBegun ? m.leaseUntil : now,
    );
  };
}

interface Parts {
  readonly reader: DatabaseSync;
  readonly writer: Writer;
  readonly book: ChargeBook;
  readonly append: AppendEvent;
  readonly insertMessage: InsertMessage;
  readonly keepFirstAnswer: KeepFirstAnswer;
  readonly isOptedOut: IsOptedOut;
}

type Outbox = Omit<MessageStore, "claimMessages" | "claimMessage" | "settleAttempt" | "applyReceipt">;

/** How notifications come in, and what is told about messages. */
export function createOutbox({
  reader,
  writer,
  book,
  append,
  insertMessage,
  keepFirstAnswer,
  isOptedOut,
}: Parts): Outbox {
  const enqueue = ({ message, charges, idempotency, now }: EnqueueStep): EnqueueOutcome => {
    if (isOptedOut(message.to, message.category)) return { kind: "opted_out" };
    const refusal = book.decide(charges, now);
    if (refusal !== null) return { kind: "refused", refusal };
    const written = book.write(charges, { messageId: message.id, channel: message.channel, at: now });
    insertMessage({ message, verificationId: null, isBegun: false, note: written, now });
    append({
      at: now,
      tenant: message.tenant,
      type: "message.queued",
      entityId: message.id,
      messageId: message.id,
      data: { channel: message.channel, lane: message.lane },
    });
    if (idempotency !== undefined) keepFirstAnswer(idempotency.key, idempotency.answer, now);
    return { kind: "enqueued" };
  };

  const readById = prepare<MessageRow>(reader, "select * from messages where tenant = ? and id = ?");
  /** A page of all messages, or of those to one address: a statement each, since each has an index of its own. */
  const pageOf = (where: string) =>
    prepare<MessageRow>(
      reader,
      `select * from messages where tenant = ?1 and (?2 is null or id < ?2) and (?3 is null or state = ?3) ${where}
         order by id desc limit ?4`,
    );
  const readPage = pageOf("");
  const readPageTo = pageOf("and to_address = ?5");
  const readDepth = prepare<{ depth: number; oldest_at: number | null }>(
    reader,
    "select count(*) as depth, min(created_at) as oldest_at from messages where due_at is not null",
  );

  return {
    enqueueMessage: (step) => writer.run(() => enqueue(step)),
    readMessage: async (tenant, id) => {
      const row = readById.get(tenant, id);
      return row === undefined ? null : toMessage(row);
    },
    listMessages: async (tenant, { to, state, limit, before }) => {
      const values = [tenant, before ?? null, state ?? null, limit] as const;
      const rows = to === undefined ? readPage.all(...values) : readPageTo.all(...values, to);
      return rows.map(toMessage);
    },
    readQueue: async (): Promise<QueueState> => {
      const row = readDepth.get();
      return { depth: row?.depth ?? 0, oldestAt: row?.oldest_at ?? null };
    },
  };
}
