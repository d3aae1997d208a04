import type { Pool } from "pg";
import type { NewEvent } from "../../../domain/event.ts";
import { type ChargeNote, longest, toChargeNote } from "../../../domain/limits.ts";
import type { NewMessage, StoredMessage } from "../../../domain/message.ts";
import type { EnqueueOutcome, EnqueueStep, MessageStore, QueueState } from "../../../ports/message-store.ts";
import { MESSAGE_COLUMNS } from "./columns.ts";
import { counterLock, insertSends, readBook } from "./counters.ts";
import { insertEvents } from "./events.ts";
import { type CreateGroup, settle } from "./group.ts";
import { lockUnanswered } from "./idempotency.ts";
import { readOptedOut } from "./opt-outs.ts";
import type { Grant, Slices } from "./slices.ts";
import { assertStorable } from "./storable.ts";
import { inTransaction, rowsOf, type Statement, type Transaction } from "./transaction.ts";

export interface NewMessageRow {
  readonly message: NewMessage;
  readonly verificationId: string | null;
  /** The first attempt begins with the insert, leased to this process. */
  readonly isBegun: boolean;
  readonly note: ChargeNote;
  readonly now: number;
}

const INSERT: Statement = {
  name: "insert_messages",
  text: `insert into messages (id, tenant, lane, channel, to_address, locale, country, category, template, text, user_name,
      segments, provider, provider_message_id, verification_id, state, error_code, attempts, tried, unknown_attempts, charges,
      created_at, updated_at, deliver_before, due_at)
    select id, tenant, lane, channel, to_address, locale, country, category, template, text, user_name,
      segments, provider, null, verification_id, state, null, attempts, tried, 0, charges,
      created_at, created_at, deliver_before, due_at
    from json_to_recordset($1) as n (id text, tenant text, lane text, channel text, to_address text, locale text, country text,
      category text, template text, text text, user_name text, segments int, provider text, verification_id text, state text,
      attempts int, tried json, charges json, created_at int8, deliver_before int8, due_at int8)`,
};

const toRow = ({ message: m, verificationId, isBegun, note, now }: NewMessageRow) => ({
  id: m.id,
  tenant: m.tenant,
  lane: m.lane,
  channel: m.channel,
  to_address: m.to,
  locale: m.locale,
  country: m.country,
  category: m.category,
  template: m.template,
  text: m.text,
  user_name: m.userName,
  segments: m.segments,
  provider: m.provider,
  verification_id: verificationId,
  state: isBegun ? "sending" : "queued",
  attempts: isBegun ? 1 : 0,
  tried: isBegun ? [m.provider] : [],
  charges: note,
  created_at: now,
  deliver_before: m.deliverBefore,
  due_at: isBegun ? m.leaseUntil : now,
});

export function insertMessages(transaction: Transaction, messages: readonly NewMessageRow[]): void {
  if (messages.length > 0) transaction.send(INSERT, [JSON.stringify(messages.map(toRow))]);
}

const queuedEvent = ({ message: { id, tenant, channel, lane }, now }: EnqueueStep): NewEvent => ({
  at: now,
  tenant,
  type: "message.queued",
  entityId: id,
  messageId: id,
  data: { channel, lane },
});

async function enqueueBatch(transaction: Transaction, steps: readonly EnqueueStep[], grant: Grant) {
  grant.reset();
  transaction.lock(steps.flatMap(({ charges }) => charges.filter((c) => c.bucketMs === undefined).map(counterLock)));
  const [optedOut, book, keys] = await Promise.all([
    readOptedOut(
      transaction.rows,
      steps.map(({ message: { to, category } }) => ({ address: to, category })),
    ),
    readBook(transaction, steps),
    lockUnanswered(
      transaction,
      steps.flatMap(({ idempotency }) => idempotency?.key ?? []),
    ),
  ]);
  const taken: EnqueueStep[] = [];
  const enqueueOne = (step: EnqueueStep, index: number): EnqueueOutcome => {
    if (optedOut.has(index)) return { kind: "opted_out" };
    const { message, charges, idempotency, now } = step;
    const refusal = longest(book.decide(charges, now), grant.decide(charges, now));
    if (refusal !== null) return { kind: "refused", refusal };
    if (idempotency !== undefined) keys.keep(idempotency.key, idempotency.answer, now);
    grant.take(charges);
    book.add(charges, { at: now, channel: message.channel, released: false });
    taken.push(step);
    return { kind: "enqueued" };
  };
  const settled = steps.map((step, index) => settle(() => enqueueOne(step, index)));
  insertMessages(
    transaction,
    taken.map(({ message, charges, now }) => ({
      ...{ message, verificationId: null, isBegun: false, note: toChargeNote(charges), now },
    })),
  );
  insertSends(
    transaction,
    taken.map(({ message: { id, channel }, charges, now }) => ({ messageId: id, charges, channel, at: now })),
  );
  insertEvents(transaction, taken.map(queuedEvent));
  keys.write(transaction);
  await transaction.commit();
  return settled;
}

const BY_ID: Statement = {
  name: "message_by_id",
  text: `select ${MESSAGE_COLUMNS} from messages m where m.tenant = $1 and m.id = $2`,
};
/** A page of all messages, or of those to one address: a statement each, since each has an index of its own. */
const pageOf = (name: string, where: string): Statement => ({
  name,
  text: `select ${MESSAGE_COLUMNS} from messages m
    where m.tenant = $1 and ($2::text is null or m.id < $2) and ($3::text is null or m.state = $3) ${where}
    order by m.id desc limit $4`,
});
const PAGE = pageOf("message_page", "");
const PAGE_TO = pageOf("message_page_to", "and m.to_address = $5");
const DEPTH: Statement = {
  name: "queue_depth",
  text: `select count(*) as depth, min(created_at) as "oldestAt" from messages where due_at is not null`,
};

interface Parts {
  readonly work: Pool;
  readonly read: Pool;
  readonly slices: Slices;
  readonly group: CreateGroup;
}

type Outbox = Omit<MessageStore, "claimMessages" | "claimMessage" | "settleAttempt" | "applyReceipt">;

/** How notifications come in, and what is told about messages. */
export function createOutbox({ work, read, slices, group }: Parts): Outbox {
  const enqueues = group<EnqueueStep, EnqueueOutcome>({
    keyOf: ({ message }) => message.id,
    run: async (steps) => {
      const grant = await slices.reserve(steps);
      try {
        return await inTransaction(work, (transaction) => enqueueBatch(transaction, steps, grant));
      } finally {
        grant.close();
      }
    },
  });
  return {
    enqueueMessage: async (step) => {
      assertStorable([step.message.text, step.message.template, step.message.userName]);
      return enqueues.run(step);
    },
    readMessage: async (tenant, id) => (await rowsOf<StoredMessage>(read, BY_ID, [tenant, id]))[0] ?? null,
    listMessages: (tenant, { to, state, limit, before }) => {
      const values = [tenant, before ?? null, state ?? null, limit];
      return to === undefined
        ? rowsOf<StoredMessage>(read, PAGE, values)
        : rowsOf<StoredMessage>(read, PAGE_TO, [...values, to]);
    },
    readQueue: async () => (await rowsOf<QueueState>(read, DEPTH))[0] ?? { depth: 0, oldestAt: null },
  };
}
