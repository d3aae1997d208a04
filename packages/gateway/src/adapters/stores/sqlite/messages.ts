import type { DatabaseSync } from "node:sqlite";
import { afterAttempt, type DeliveryPlan, isForward, type SendResult } from "../../../domain/delivery.ts";
import type {
  ClaimStep,
  EnqueueOutcome,
  EnqueueStep,
  MessageStore,
  NewMessage,
  QueueState,
  RunningAttempt,
  StoredMessage,
} from "../../../ports/message-store.ts";
import type { ChargeBook } from "./charges.ts";
import type { AppendEvent } from "./events.ts";
import type { KeepAnswer } from "./idempotency.ts";
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
       provider, provider_message_id, verification_id, state, error_code, attempts, unknown_attempts, charges, created_at,
       updated_at, deliver_before, due_at)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, null, ?, ?, null, ?, 0, ?, ?, ?, ?, ?)`,
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
      note,
      now,
      now,
      m.deliverBefore,
      isBegun ? m.leaseUntil : now,
    );
  };
}

interface Parts {
  readonly database: DatabaseSync;
  readonly reader: DatabaseSync;
  readonly writer: Writer;
  readonly book: ChargeBook;
  readonly append: AppendEvent;
  readonly insertMessage: InsertMessage;
  readonly keepAnswer: KeepAnswer;
}

/** Only while it may still be sent does a message keep its text. */
const keepsText = (state: StoredMessage["state"]): boolean => state === "queued" || state === "sending";

export function createMessages({
  database,
  reader,
  writer,
  book,
  append,
  insertMessage,
  keepAnswer,
}: Parts): MessageStore {
  const selectById = prepare<MessageRow>(database, "select * from messages where id = ?");
  const selectDue = prepare<MessageRow>(
    database,
    `select * from messages where lane = ? and due_at <= ? and due_at is not null
       and (country is null or country not in (select value from json_each(?))) order by due_at limit ?`,
  );
  const beginAttempt = prepare(
    database,
    "update messages set state = 'sending', attempts = attempts + 1, unknown_attempts = ?, due_at = ?, updated_at = ? where id = ?",
  );
  const update = prepare(
    database,
    `update messages set state = ?, error_code = ?, provider_message_id = ?, unknown_attempts = ?, due_at = ?, updated_at = ?,
       text = case when ? then text end where id = ?`,
  );
  const selectStatus = prepare<{ status: string }>(database, "select status from verifications where id = ?");
  const takeSendFromVerification = prepare(
    database,
    `update verifications set sends = sends - 1, status = case when sends <= 1 then 'failed' else status end,
       ended_at = case when sends <= 1 then ? else ended_at end where id = ? and status = 'pending'`,
  );

  interface Note {
    readonly type: string;
    readonly at: number;
    readonly data?: Readonly<Record<string, unknown>>;
  }

  const note = (row: MessageRow, { type, at, data }: Note): void => {
    const entityId = row.verification_id ?? row.id;
    append({ at, tenant: row.tenant, type, entityId, messageId: row.id, ...(data === undefined ? {} : { data }) });
  };

  const giveBack = (row: MessageRow, now: number): void => {
    book.release(row.charges, { messageId: row.id, at: row.created_at });
    if (row.verification_id !== null) takeSendFromVerification.run(now, row.verification_id);
  };

  interface Move {
    readonly plan: DeliveryPlan;
    readonly providerMessageId?: string | null;
    readonly unknownAttempts?: number;
  }

  const move = (row: MessageRow, { plan, providerMessageId, unknownAttempts }: Move, now: number): MessageRow => {
    const next: MessageRow = {
      ...row,
      state: plan.state,
      error_code: plan.errorCode ?? row.error_code,
      provider_message_id: providerMessageId ?? row.provider_message_id,
      unknown_attempts: unknownAttempts ?? row.unknown_attempts,
      due_at: plan.nextAttemptAt ?? null,
      updated_at: now,
      text: keepsText(plan.state) ? row.text : null,
    };
    update.run(
      next.state,
      next.error_code,
      next.provider_message_id,
      next.unknown_attempts,
      next.due_at,
      now,
      keepsText(next.state) ? 1 : 0,
      row.id,
    );
    if (plan.giveBack) giveBack(row, now);
    return next;
  };

  /** Ends the running attempt with what it came to. */
  const conclude = (row: MessageRow, result: SendResult, now: number): MessageRow => {
    const { lane, attempts, unknown_attempts: unknownBefore, deliver_before: deliverBefore } = row;
    const plan = afterAttempt({ lane, attempts, unknownBefore, deliverBefore }, result, now);
    const next = move(
      row,
      {
        plan,
        providerMessageId: result.outcome === "accepted" ? result.providerMessageId : null,
        unknownAttempts: unknownBefore + (result.outcome === "unknown" ? 1 : 0),
      },
      now,
    );
    const data = {
      attempt: attempts,
      provider: row.provider,
      outcome: result.outcome,
      ...("vendorCode" in result && result.vendorCode !== undefined ? { vendorCode: result.vendorCode } : {}),
      ...(plan.errorCode === undefined ? {} : { errorCode: plan.errorCode }),
      ...(plan.giveBack ? { givenBack: true } : {}),
    };
    note(row, { type: plan.state === "queued" ? "message.retrying" : `message.${plan.state}`, at: now, data });
    return next;
  };

  const settle = ({ id, attempt }: RunningAttempt, result: SendResult, now: number): StoredMessage | null => {
    const row = selectById.get(id);
    if (row === undefined || row.attempts !== attempt) return null;
    if (row.state === "sending") return toMessage(conclude(row, result, now));
    // A receipt was faster than the answer of the call: it stands, only the vendor's id is new.
    if (result.outcome !== "accepted" || row.provider_message_id !== null || keepsText(row.state)) return null;
    const plan = { state: row.state, giveBack: false };
    return toMessage(move(row, { plan, providerMessageId: result.providerMessageId }, now));
  };

  /** A code that was already used or given up is not sent again. */
  const isWanted = (row: MessageRow): boolean =>
    row.verification_id === null || selectStatus.get(row.verification_id)?.status === "pending";

  const expire = (row: MessageRow, now: number): void => {
    const mayHaveLeft = row.unknown_attempts > 0;
    const state = mayHaveLeft ? "unknown" : "expired";
    move(row, { plan: { state, giveBack: !mayHaveLeft } }, now);
    const reason = now >= row.deliver_before ? "deadline" : "verification_ended";
    note(row, { type: `message.${state}`, at: now, data: { reason } });
  };

  /** Leases one due message, or tells why it cannot go: null when it has ended. */
  const claimOne = (found: MessageRow, step: ClaimStep): StoredMessage | null => {
    let row = found;
    if (row.state === "sending") {
      // Its lease ran out: the process that began the attempt is gone, and the call may have left.
      row = conclude(row, { outcome: "unknown" }, step.now);
      if (row.state !== "queued") return null;
    }
    if (step.now >= row.deliver_before || !isWanted(row)) {
      expire(row, step.now);
      return null;
    }
    const leaseUntil = step.now + step.leaseMs;
    beginAttempt.run(row.unknown_attempts, leaseUntil, step.now, row.id);
    return toMessage({
      ...row,
      state: "sending",
      attempts: row.attempts + 1,
      due_at: leaseUntil,
      updated_at: step.now,
    });
  };

  const claim = (step: ClaimStep): readonly StoredMessage[] => {
    const claimed: StoredMessage[] = [];
    for (const { lane, exceptCountries } of step.lanes) {
      const due = selectDue.all(lane, step.now, JSON.stringify(exceptCountries), step.limit - claimed.length);
      for (const row of due) {
        const message = claimOne(row, step);
        if (message !== null) claimed.push(message);
      }
    }
    return claimed;
  };

  const enqueue = ({ message, charges, idempotency, now }: EnqueueStep): EnqueueOutcome => {
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
    if (idempotency !== undefined) keepAnswer(idempotency.key, idempotency.answer, now);
    return { kind: "enqueued" };
  };

  const readById = prepare<MessageRow>(reader, "select * from messages where tenant = ? and id = ?");
  const readPage = prepare<MessageRow>(
    reader,
    `select * from messages where tenant = ?1 and (?2 is null or id < ?2) and (?3 is null or to_address = ?3)
       and (?4 is null or state = ?4) order by id desc limit ?5`,
  );
  const readDepth = prepare<{ depth: number; oldest_at: number | null }>(
    reader,
    "select count(*) as depth, min(created_at) as oldest_at from messages where due_at is not null",
  );

  return {
    enqueueMessage: (step) => writer.run(() => enqueue(step)),
    claimMessages: (step) => writer.run(() => claim(step)),
    settleAttempt: (attempt, result, now) => writer.run(() => settle(attempt, result, now)),
    applyReceipt: (id, receipt, now) =>
      writer.run(() => {
        const row = selectById.get(id);
        if (row === undefined || !isForward(row.state, receipt.state)) return null;
        const errorCode = receipt.code === undefined ? {} : { errorCode: receipt.code };
        const next = move(row, { plan: { state: receipt.state, giveBack: false, ...errorCode } }, now);
        const data = {
          ...errorCode,
          ...(receipt.vendorCode === undefined ? {} : { vendorCode: receipt.vendorCode }),
        };
        note(row, { type: `message.${receipt.state}`, at: now, data });
        return toMessage(next);
      }),
    readMessage: async (tenant, id) => {
      const row = readById.get(tenant, id);
      return row === undefined ? null : toMessage(row);
    },
    listMessages: async (tenant, { to, state, limit, before }) =>
      readPage.all(tenant, before ?? null, to ?? null, state ?? null, limit).map(toMessage),
    readQueue: async (): Promise<QueueState> => {
      const row = readDepth.get();
      return { depth: row?.depth ?? 0, oldestAt: row?.oldest_at ?? null };
    },
  };
}
