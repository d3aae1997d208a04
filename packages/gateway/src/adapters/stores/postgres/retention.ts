import { ANSWER_KEPT_MS } from "../../../domain/idempotency.ts";
import { ADDRESS_MS, COUNTER_MS, EVENT_MS, SECRET_TRACE_MS, WEBHOOK_DELIVERY_MS } from "../../../domain/retention.ts";
import type { ForgetStep, Forgotten, RetentionStore, SweptStuck } from "../../../ports/retention-store.ts";
import type { Pools } from "./connection.ts";
import type { createMoves } from "./moves.ts";
import { inTransaction, rowsOf, type Statement, type Transaction } from "./transaction.ts";

interface Turn {
  /** Rows of this instant and earlier are old enough. */
  readonly before: number;
  readonly limit: number;
}

interface AgedRow {
  readonly id: string;
  readonly agedAt: number;
  readonly address: string;
}

/** Another process's clock may be a moment behind: what it can still check is left alone. */
const CLOCK_LEEWAY_MS = 60_000;

/** One process sweeps a kind at a time; the others find nothing to do. */
const TRY_LOCK: Statement = {
  name: "try_lock_sweep",
  text: "select pg_try_advisory_xact_lock(hashtextextended('sweep:' || $1, 0)) as taken",
};
const READ_CURSOR: Statement = { name: "read_sweep", text: "select after from sweeps where kind = $1" };
const WRITE_CURSOR: Statement = {
  name: "write_sweep",
  text: "insert into sweeps (kind, after) values ($1, $2) on conflict (kind) do update set after = excluded.after",
};
const VERIFICATIONS: Statement = {
  name: "aged_verifications",
  text: `select id, expires_at as "agedAt", address from verifications where id > $1 order by id limit $2`,
};
const MESSAGES: Statement = {
  name: "aged_messages",
  text: `select id, created_at as "agedAt", to_address as address from messages where id > $1 order by id limit $2`,
};
const EXPIRE: Statement = {
  name: "expire_verifications",
  text: `with expired as (
      update verifications set status = 'expired', ended_at = expires_at
      where id = any($1::text[]) and status = 'pending' returning id
    ) select id from expired`,
};
const EMPTY_TRACES: Statement = {
  name: "empty_secret_traces",
  text: "update verifications set salt = '', kid = '' where id = any($1::text[])",
};
const HASH_MESSAGES: Statement = {
  name: "hash_message_addresses",
  text: `update messages m set to_address = n.hash, user_name = null, text = null, charges = '[]'
    from unnest($1::text[], $2::text[]) as n (id, hash) where m.id = n.id`,
};
const HASH_VERIFICATIONS: Statement = {
  name: "hash_verification_addresses",
  text: `update verifications v set address = n.hash, subject = ''
    from unnest($1::text[], $2::text[]) as n (id, hash) where v.id = n.id`,
};
const DELETE_EVENTS: Statement = {
  name: "delete_events",
  text: `delete from events where seq = any(array(select seq from events order by seq limit $2)) and at <= $1 returning seq`,
};
const DELETE_WEBHOOK_DELIVERIES: Statement = {
  name: "delete_webhook_deliveries",
  text: `delete from webhook_deliveries
    where id = any(array(select id from webhook_deliveries order by id limit $2)) and created_at <= $1 returning id`,
};

/**
 * Visits rows by id, the oldest first, each once: ids sort by time, so that no index over instants has to be kept.
 * Where a walk stopped is kept in the database.
 *
 * @param visit writes what becomes of the rows; the transaction is committed afterwards
 */
async function walk<Result>(
  transaction: Transaction,
  { kind, rows: statement, before, limit }: Turn & { readonly kind: string; readonly rows: Statement },
  visit: (rows: readonly AgedRow[]) => Promise<Result>,
): Promise<Result> {
  const [[lock], [cursor]] = await Promise.all([
    transaction.rows<{ taken: boolean }>(TRY_LOCK, [kind]),
    transaction.rows<{ after: string }>(READ_CURSOR, [kind]),
  ]);
  const rows = lock?.taken === true ? await transaction.rows<AgedRow>(statement, [cursor?.after ?? "", limit]) : [];
  const young = rows.findIndex(({ agedAt }) => agedAt > before);
  const old = young === -1 ? rows : rows.slice(0, young);
  const last = old.at(-1);
  if (last !== undefined) transaction.send(WRITE_CURSOR, [kind, last.id]);
  const result = await visit(old);
  await transaction.commit();
  return result;
}

/**
 * Goes round a table by the place of its rows on the disk, so many pages at a turn, and deletes what is old enough:
 * the keys of these tables have no order in time.
 *
 * @see https://www.postgresql.org/docs/current/ddl-system-columns.html (ctid), TID range scans
 */
const PAGES_PER_TURN = 50;
function createRound(table: string, age: string) {
  const remove: Statement = {
    name: `forget_${table}`,
    text: `delete from ${table} where ctid = any(array(
        select ctid from ${table} where ctid >= format('(%s,0)', $1::int8)::tid and ctid < format('(%s,0)', $2::int8)::tid
          and ${age} <= $3 limit $4
      )) returning 1 as one`,
  };
  const pages: Statement = {
    name: `pages_of_${table}`,
    text: `select pg_relation_size('${table}') / current_setting('block_size')::int8 as pages`,
  };
  let from = 0;
  return async (pools: Pools, { before, limit }: Turn): Promise<number> => {
    const [size] = await rowsOf<{ pages: number }>(pools.work, pages);
    const to = from + PAGES_PER_TURN;
    const removed = (await rowsOf(pools.work, remove, [from, to, before, limit])).length;
    if (removed < limit) from = to >= (size?.pages ?? 0) ? 0 : to;
    return removed;
  };
}

export function createRetention(
  pools: Pools,
  moves: Pick<ReturnType<typeof createMoves>, "expireOverdue">,
): RetentionStore {
  const sends = createRound("sends", "at");
  const buckets = createRound("send_buckets", "start");
  const guesses = createRound("guesses", "at");
  const idempotencyKeys = createRound("idempotency", "created_at");

  /** Walks and writes one statement over the ids found. */
  const walkAndSend = (
    turn: Turn & { readonly kind: string; readonly rows: Statement },
    statement: Statement,
    toValues: (rows: readonly AgedRow[]) => readonly unknown[],
  ): Promise<number> =>
    inTransaction(pools.work, (transaction) =>
      walk(transaction, turn, async (rows) => {
        if (rows.length > 0) transaction.send(statement, toValues(rows));
        return rows.length;
      }),
    );
  const idsOf = (rows: readonly AgedRow[]): readonly unknown[] => [rows.map(({ id }) => id)];
  const hashesOf =
    ({ hashAddress }: ForgetStep) =>
    (rows: readonly AgedRow[]): readonly unknown[] => [...idsOf(rows), rows.map(({ address }) => hashAddress(address))];

  const forget: Readonly<Record<Forgotten, (step: ForgetStep) => Promise<number>>> = {
    secret_traces: ({ now, limit }) =>
      walkAndSend(
        { kind: "secret_traces", rows: VERIFICATIONS, before: now - SECRET_TRACE_MS, limit },
        EMPTY_TRACES,
        idsOf,
      ),
    counters: async ({ now, limit }) => {
      const turn = { before: now - COUNTER_MS, limit };
      return (await sends(pools, turn)) + (await buckets(pools, turn));
    },
    guesses: ({ now, limit }) => guesses(pools, { before: now - COUNTER_MS, limit }),
    idempotency_keys: ({ now, limit }) => idempotencyKeys(pools, { before: now - ANSWER_KEPT_MS, limit }),
    message_addresses: (step) =>
      walkAndSend(
        { kind: "message_addresses", rows: MESSAGES, before: step.now - ADDRESS_MS, limit: step.limit },
        HASH_MESSAGES,
        hashesOf(step),
      ),
    verification_addresses: (step) =>
      walkAndSend(
        { kind: "verification_addresses", rows: VERIFICATIONS, before: step.now - ADDRESS_MS, limit: step.limit },
        HASH_VERIFICATIONS,
        hashesOf(step),
      ),
    events: async ({ now, limit }) => (await rowsOf(pools.work, DELETE_EVENTS, [now - EVENT_MS, limit])).length,
    webhook_deliveries: async ({ now, limit }) =>
      (await rowsOf(pools.work, DELETE_WEBHOOK_DELIVERIES, [now - WEBHOOK_DELIVERY_MS, limit])).length,
  };

  return {
    sweepStuck: async ({ now, limit }): Promise<SweptStuck> => {
      const messages = await inTransaction(pools.work, (transaction) =>
        moves.expireOverdue(transaction, { now, limit }),
      );
      const turn = { kind: "stuck_verifications", rows: VERIFICATIONS, before: now - CLOCK_LEEWAY_MS, limit };
      const verifications = await inTransaction(pools.work, (transaction) =>
        walk(transaction, turn, async (rows) =>
          rows.length === 0 ? 0 : (await transaction.rows(EXPIRE, idsOf(rows))).length,
        ),
      );
      return { messages, verifications };
    },
    forgetOld: async (step) => {
      const counts: Partial<Record<Forgotten, number>> = {};
      for (const [kind, act] of Object.entries(forget)) counts[kind as Forgotten] = await act(step);
      return counts as Record<Forgotten, number>;
    },
  };
}
