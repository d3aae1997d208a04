import type { Pool } from "pg";
import {
  applyReceipt,
  type Conclusion,
  claimDue,
  concludeAttempt,
  keepsText,
  type MessageMove,
} from "../../../domain/attempt.ts";
import type { Receipt } from "../../../domain/delivery.ts";
import type { StoredMessage } from "../../../domain/message.ts";
import { ALL_CATEGORIES } from "../../../domain/opt-out.ts";
import type { Claimed, ClaimStep, MessageStore } from "../../../ports/message-store.ts";
import type { SweepStep } from "../../../ports/retention-store.ts";
import { MESSAGE_COLUMNS } from "./columns.ts";
import { insertEvents } from "./events.ts";
import type { CreateGroup } from "./group.ts";
import { addressLock } from "./locks.ts";
import { inTransaction, type Statement, type Transaction } from "./transaction.ts";

/** A message as its row was seen, and what becomes of it. */
interface Moving {
  readonly seen: StoredMessage;
  readonly move: MessageMove;
}

/** The last send of a verification did not arrive, and another channel is left. */
const IS_FALLING = "coalesce(v.fallback <> '' and v.last_message_id = told.fallen, false)";

/**
 * (A literal `status = 'pending'` would have the planner read the partial index over all live verifications.)
 *
 * Moves the messages that are still where they were seen. What was certainly not sent is given back: counters, buckets,
 * the sends of verifications. One that never had a send fails, unless another channel takes over.
 */
const MOVE: Statement = {
  name: "move_messages",
  text: `with n as (
      select * from json_to_recordset($1) as n (id text, seen_attempts int, seen_state text, state text, error_code text,
        provider text, provider_message_id text, attempts int, tried json, unknown_attempts int, due_at int8, updated_at int8, keeps_text bool,
        give_back bool, falls_back bool)
    ), moved as (
      update messages m set state = n.state, error_code = n.error_code, provider = n.provider,
        provider_message_id = n.provider_message_id, attempts = n.attempts, tried = n.tried, unknown_attempts = n.unknown_attempts, due_at = n.due_at, updated_at = n.updated_at,
        text = case when n.keeps_text then m.text end
      from n where m.id = n.id and m.attempts = n.seen_attempts and m.state = n.seen_state
      returning m.id, m.charges, m.created_at, m.verification_id, n.updated_at, n.give_back, n.falls_back
    ), notes as (
      select moved.id, moved.created_at, c ->> 0 as dimension, c ->> 1 as key, (c ->> 2)::int8 as bucket_ms
      from moved cross join lateral json_array_elements(moved.charges) as c where moved.give_back
    ), released as (
      update sends s set released = true from notes
      where notes.bucket_ms = 0 and s.key = notes.key and s.dimension = notes.dimension and s.at = notes.created_at
        and s.message_id = notes.id
    ), emptied as (
      update send_buckets b set count = greatest(0, b.count - back.count)
      from (select dimension, key, created_at - created_at % bucket_ms as start, count(*)::int as count
        from notes where bucket_ms > 0 group by 1, 2, 3) as back
      where b.dimension = back.dimension and b.key = back.key and b.start = back.start
    ), told as (
      select verification_id, 'pending' || '' as status, (count(*) filter (where give_back))::int as count,
        max(updated_at) as at, max(id) filter (where falls_back) as fallen
      from moved where (give_back or falls_back) and verification_id is not null group by 1
    ), unsent as (
      update verifications v set sends = v.sends - told.count,
        status = case when v.sends > told.count or ${IS_FALLING} then v.status else 'failed' end,
        ended_at = case when v.sends > told.count or ${IS_FALLING} then null else told.at end,
        fallback_at = case when ${IS_FALLING} then told.at else v.fallback_at end
      from told where v.id = told.verification_id and v.status = told.status
    )
    select id from moved`,
};

const toRow = ({ seen, move: { message, dueAt, giveBack, fallsBack } }: Moving) => ({
  id: seen.id,
  seen_attempts: seen.attempts,
  seen_state: seen.state,
  state: message.state,
  error_code: message.errorCode,
  provider: message.provider,
  provider_message_id: message.providerMessageId,
  attempts: message.attempts,
  tried: message.tried,
  unknown_attempts: message.unknownAttempts,
  due_at: dueAt,
  updated_at: message.updatedAt,
  keeps_text: keepsText(message.state),
  give_back: giveBack,
  falls_back: fallsBack,
});

/** Giving back writes verifications, which needs the locks of their addresses. */
const lockGivenBack = (transaction: Transaction, moving: readonly Moving[]): void =>
  transaction.lock(moving.filter(({ move }) => move.giveBack).map(({ seen }) => addressLock(seen.to)));

/** @returns the messages that moved */
async function moveAll(
  transaction: Transaction,
  moving: readonly Moving[],
): Promise<ReadonlyMap<string, StoredMessage>> {
  if (moving.length === 0) return new Map();
  const rows = await transaction.rows<{ id: string }>(MOVE, [JSON.stringify(moving.map(toRow))]);
  const ids = new Set(rows.map(({ id }) => id));
  const moved = moving.filter(({ seen }) => ids.has(seen.id));
  insertEvents(
    transaction,
    moved.flatMap(({ move }) => move.events),
  );
  return new Map(moved.map(({ seen, move }) => [seen.id, move.message]));
}

interface SettleStep extends Conclusion {
  readonly message: StoredMessage;
}

/** A receipt was faster than the answer of the call: it stands, only the vendor's id is new. */
const KEEP_VENDOR_IDS: Statement = {
  name: "keep_vendor_ids",
  text: `update messages m set provider_message_id = n.provider_message_id, updated_at = n.now
    from json_to_recordset($1) as n (id text, attempts int, provider_message_id text, now int8)
    where m.id = n.id and m.attempts = n.attempts and m.provider_message_id is null and m.state not in ('queued', 'sending')
    returning ${MESSAGE_COLUMNS}`,
};

async function settleBatch(transaction: Transaction, steps: readonly SettleStep[]) {
  const moving = steps.map(
    ({ message, ...conclusion }): Moving => ({ seen: message, move: concludeAttempt(message, conclusion) }),
  );
  lockGivenBack(transaction, moving);
  const moved = await moveAll(transaction, moving);
  const late = steps.flatMap(({ message: { id, attempts }, result, now }) =>
    result.outcome === "accepted" && !moved.has(id)
      ? [{ id, attempts, provider_message_id: result.providerMessageId, now }]
      : [],
  );
  const kept = late.length === 0 ? [] : await transaction.rows<StoredMessage>(KEEP_VENDOR_IDS, [JSON.stringify(late)]);
  await transaction.commit();
  const keptById = new Map(kept.map((message) => [message.id, message]));
  return steps.map(({ message: { id } }) => ({ value: moved.get(id) ?? keptById.get(id) ?? null }));
}

interface DueRow extends StoredMessage {
  readonly isWanted: boolean;
}

const dueSql = (where: string): string =>
  `select ${MESSAGE_COLUMNS}, (m.verification_id is null or v.status is not distinct from 'pending')
      and not exists (select from opt_outs o where o.address = m.to_address and o.category in (m.category, '${ALL_CATEGORIES}'))
      as "isWanted"
    from messages m left join verifications v on v.id = m.verification_id where ${where} for update of m skip locked`;
const DUE: Statement = {
  name: "due_messages",
  text: dueSql(
    "m.lane = $1 and m.due_at <= $2 and (m.country is null or m.country <> all($3::text[])) order by m.due_at limit $4",
  ),
};
const OVERDUE: Statement = {
  name: "overdue_messages",
  text: dueSql("m.lane in ('otp', 'notification') and m.due_at <= $1 and m.deliver_before <= $1 limit $2"),
};

const take = (row: DueRow, { leaseMs, now }: Pick<ClaimStep, "leaseMs" | "now">): Moving => {
  const { isWanted, ...seen } = row;
  return { seen, move: claimDue(seen, { isWanted, leaseMs, now }) };
};

async function moveAndCommit(transaction: Transaction, moving: readonly Moving[]): Promise<Claimed> {
  lockGivenBack(transaction, moving);
  const moved = [...(await moveAll(transaction, moving)).values()];
  await transaction.commit();
  return {
    begun: moved.filter(({ state }) => state === "sending"),
    ended: moved.filter(({ state }) => state !== "sending"),
  };
}

async function claimBatch(transaction: Transaction, { lanes, leaseMs, now }: ClaimStep): Promise<Claimed> {
  const due = await Promise.all(
    lanes.map(({ lane, exceptCountries, limit }) => transaction.rows<DueRow>(DUE, [lane, now, exceptCountries, limit])),
  );
  return moveAndCommit(
    transaction,
    due.flat().map((row) => take(row, { leaseMs, now })),
  );
}

const DUE_ONE: Statement = { name: "due_message", text: dueSql("m.id = $1 and m.due_at <= $2") };

async function claimOne(transaction: Transaction, id: string, step: Pick<ClaimStep, "leaseMs" | "now">) {
  const due = await transaction.rows<DueRow>(DUE_ONE, [id, step.now]);
  const { begun, ended } = await moveAndCommit(
    transaction,
    due.map((row) => take(row, step)),
  );
  return begun[0] ?? ended[0] ?? null;
}

interface ReceiptStep {
  readonly id: string;
  readonly receipt: Receipt;
  readonly now: number;
}

const LOCK: Statement = {
  name: "lock_messages",
  text: `select ${MESSAGE_COLUMNS} from messages m where m.id = any($1::text[]) order by m.id for update`,
};

/** Receipts of one message may share a batch: they are applied one after another, and the row is written once. */
async function receiveBatch(transaction: Transaction, steps: readonly ReceiptStep[]) {
  const seen = await transaction.rows<StoredMessage>(LOCK, [[...new Set(steps.map(({ id }) => id))]]);
  const current = new Map(seen.map((message) => [message.id, message]));
  const moves = new Map<string, MessageMove>();
  const outcomes = steps.map(({ id, receipt, now }) => {
    const message = current.get(id);
    const move = message === undefined ? null : applyReceipt(message, receipt, now);
    if (move === null) return { value: null };
    current.set(id, move.message);
    moves.set(id, { ...move, events: [...(moves.get(id)?.events ?? []), ...move.events] });
    return { value: move.message };
  });
  const moving = seen.flatMap((message): Moving[] => {
    const move = moves.get(message.id);
    return move === undefined ? [] : [{ seen: message, move }];
  });
  await moveAll(transaction, moving);
  await transaction.commit();
  return outcomes;
}

interface Moves {
  readonly port: Pick<MessageStore, "claimMessages" | "claimMessage" | "settleAttempt" | "applyReceipt">;
  /** Ends messages past their deadline, whatever is paused, and commits. */
  expireOverdue(transaction: Transaction, step: SweepStep): Promise<readonly StoredMessage[]>;
}

/** How a message leaves this gateway: claims, ends of attempts, receipts. */
export function createMoves(pool: Pool, group: CreateGroup): Moves {
  const settles = group<SettleStep, StoredMessage | null>({
    keyOf: ({ message }) => message.id,
    isOneOfEach: true,
    run: (steps) => inTransaction(pool, (transaction) => settleBatch(transaction, steps)),
  });
  const receipts = group<ReceiptStep, StoredMessage | null>({
    keyOf: ({ id }) => id,
    run: (steps) => inTransaction(pool, (transaction) => receiveBatch(transaction, steps)),
  });
  return {
    port: {
      claimMessages: (step) => inTransaction(pool, (transaction) => claimBatch(transaction, step)),
      claimMessage: (id, step) => inTransaction(pool, (transaction) => claimOne(transaction, id, step)),
      settleAttempt: (message, conclusion) => settles.run({ message, ...conclusion }),
      applyReceipt: (id, receipt, now) => receipts.run({ id, receipt, now }),
    },
    expireOverdue: async (transaction, { now, limit }) => {
      const due = await transaction.rows<DueRow>(OVERDUE, [now, limit]);
      const { ended } = await moveAndCommit(
        transaction,
        due.map((row) => take(row, { leaseMs: 0, now })),
      );
      return ended;
    },
  };
}
