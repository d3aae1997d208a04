import type { DatabaseSync } from "node:sqlite";
import { ANSWER_KEPT_MS } from "../../../domain/idempotency.ts";
import { ADDRESS_MS, COUNTER_MS, EVENT_MS, SECRET_TRACE_MS, WEBHOOK_DELIVERY_MS } from "../../../domain/retention.ts";
import type { ForgetStep, Forgotten, RetentionStore, SweepStep } from "../../../ports/retention-store.ts";
import type { ExpireOverdue } from "./attempts.ts";
import { prepare } from "./statement.ts";
import type { Writer } from "./writer.ts";

interface Parts {
  readonly database: DatabaseSync;
  readonly writer: Writer;
  readonly expireOverdue: ExpireOverdue;
}

interface Turn {
  /** Rows of this instant and earlier are old enough. */
  readonly before: number;
  readonly limit: number;
}

interface AgedRow {
  readonly id: string;
  readonly aged_at: number;
  readonly address: string;
}

type KeyRow = Readonly<Record<string, string | number>>;

const VERIFICATIONS = "select id, expires_at as aged_at, address from verifications where id > ? order by id limit ?";
const MESSAGES =
  "select id, created_at as aged_at, to_address as address from messages where id > ? order by id limit ?";

/**
 * Visits rows by id, the oldest first, each once: ids sort by time, so that no index over instants has to be kept.
 * Where a walk stopped is kept in the database.
 */
function createWalks(database: DatabaseSync) {
  const readCursor = prepare<{ after: string }>(database, "select after from sweeps where kind = ?");
  const writeCursor = prepare(
    database,
    "insert into sweeps (kind, after) values (?, ?) on conflict do update set after = excluded.after",
  );
  return (kind: string, select: string) => {
    const next = prepare<AgedRow>(database, select);
    return ({ before, limit }: Turn): readonly AgedRow[] => {
      const rows = next.all(readCursor.get(kind)?.after ?? "", limit);
      const young = rows.findIndex((row) => row.aged_at > before);
      const old = young === -1 ? rows : rows.slice(0, young);
      const last = old.at(-1);
      if (last !== undefined) writeCursor.run(kind, last.id);
      return old;
    };
  };
}

/** Goes round a table whose key has no order in time, `limit` rows at a turn, and deletes what is old enough. */
function createRound(database: DatabaseSync, table: string, { key, age }: { key: readonly string[]; age: string }) {
  const columns = key.join(", ");
  const marks = key.map(() => "?").join(", ");
  const select = (where: string) =>
    prepare<KeyRow>(
      database,
      `select ${columns}, ${age} as aged_at from ${table} ${where} order by ${columns} limit ?`,
    );
  const fromStart = select("");
  const fromCursor = select(`where (${columns}) > (${marks})`);
  const remove = prepare(database, `delete from ${table} where (${columns}) = (${marks})`);
  const keyOf = (row: KeyRow) => key.map((column) => row[column] ?? "");
  let cursor: readonly (string | number)[] | null = null;
  return ({ before, limit }: Turn): number => {
    const rows = cursor === null ? fromStart.all(limit) : fromCursor.all(...cursor, limit);
    const last = rows.at(-1);
    cursor = last === undefined || rows.length < limit ? null : keyOf(last);
    const old = rows.filter((row) => Number(row["aged_at"]) <= before);
    for (const row of old) remove.run(...keyOf(row));
    return old.length;
  };
}

export function createRetention({ database, writer, expireOverdue }: Parts): RetentionStore {
  const walk = createWalks(database);
  const stuckVerifications = walk("stuck_verifications", VERIFICATIONS);
  const secretTraces = walk("secret_traces", VERIFICATIONS);
  const messageAddresses = walk("message_addresses", MESSAGES);
  const verificationAddresses = walk("verification_addresses", VERIFICATIONS);
  const sends = createRound(database, "sends", { key: ["key", "dimension", "at", "message_id"], age: "at" });
  const buckets = createRound(database, "send_buckets", { key: ["dimension", "key", "start"], age: "start" });
  const guesses = createRound(database, "guesses", { key: ["address", "at", "verification_id", "attempt"], age: "at" });
  const idempotencyKeys = createRound(database, "idempotency", { key: ["key"], age: "created_at" });

  const expire = prepare(
    database,
    "update verifications set status = 'expired', ended_at = expires_at where id = ? and status = 'pending'",
  );
  const emptyTrace = prepare(database, "update verifications set salt = x'', kid = '' where id = ?");
  const replaceInMessage = prepare(
    database,
    "update messages set to_address = ?, user_name = null, text = null, charges = '[]' where id = ?",
  );
  const replaceInVerification = prepare(database, "update verifications set address = ?, subject = '' where id = ?");
  const deleteEvents = prepare(
    database,
    "delete from events where seq in (select seq from events order by seq limit ?2) and at <= ?1",
  );
  const deleteWebhookDeliveries = prepare(
    database,
    `delete from webhook_deliveries
     where id in (select id from webhook_deliveries order by id limit ?2) and created_at <= ?1`,
  );

  const sweepStuck = ({ now, limit }: SweepStep) => {
    const messages = expireOverdue({ now, limit });
    const ended = stuckVerifications({ before: now, limit }).map(({ id }) => expire.run(id));
    return { messages, verifications: ended.reduce((sum, changes) => sum + changes, 0) };
  };

  const count = (rows: readonly AgedRow[], visit: (row: AgedRow) => void): number => {
    rows.forEach(visit);
    return rows.length;
  };
  const forget: Readonly<Record<Forgotten, (step: ForgetStep) => number>> = {
    secret_traces: ({ now, limit }) =>
      count(secretTraces({ before: now - SECRET_TRACE_MS, limit }), ({ id }) => emptyTrace.run(id)),
    counters: ({ now, limit }) => {
      const turn = { before: now - COUNTER_MS, limit };
      return sends(turn) + buckets(turn);
    },
    guesses: ({ now, limit }) => guesses({ before: now - COUNTER_MS, limit }),
    idempotency_keys: ({ now, limit }) => idempotencyKeys({ before: now - ANSWER_KEPT_MS, limit }),
    message_addresses: ({ now, limit, hashAddress }) =>
      count(messageAddresses({ before: now - ADDRESS_MS, limit }), ({ id, address }) =>
        replaceInMessage.run(hashAddress(address), id),
      ),
    verification_addresses: ({ now, limit, hashAddress }) =>
      count(verificationAddresses({ before: now - ADDRESS_MS, limit }), ({ id, address }) =>
        replaceInVerification.run(hashAddress(address), id),
      ),
    events: ({ now, limit }) => deleteEvents.run(now - EVENT_MS, limit),
    webhook_deliveries: ({ now, limit }) => deleteWebhookDeliveries.run(now - WEBHOOK_DELIVERY_MS, limit),
  };

  return {
    sweepStuck: (step) => writer.run(() => sweepStuck(step)),
    forgetOld: async (step) => {
      const counts: Partial<Record<Forgotten, number>> = {};
      // A step for each kind: requests come in between.
      for (const [kind, act] of Object.entries(forget)) counts[kind as Forgotten] = await writer.run(() => act(step));
      return counts as Record<Forgotten, number>;
    },
  };
}
