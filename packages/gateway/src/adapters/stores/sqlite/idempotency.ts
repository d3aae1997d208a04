import type { DatabaseSync } from "node:sqlite";
import type {
  ClaimOutcome,
  IdempotencyClaim,
  IdempotencyStore,
  IdempotentAnswer,
} from "../../../ports/idempotency-store.ts";
import { prepare } from "./statement.ts";
import type { Writer } from "./writer.ts";

const LEASE_MS = 30_000;
const KEPT_MS = 24 * 3_600_000;

interface Row {
  readonly request: string;
  readonly lease_until: number;
  readonly status: number | null;
  readonly body: string | null;
  readonly created_at: number;
}

/** Keeps an answer inside the step that it answers. */
export type KeepAnswer = (key: string, answer: IdempotentAnswer, now: number) => void;

export function createAnswerKeeper(database: DatabaseSync): KeepAnswer {
  const keep = prepare(database, "update idempotency set status = ?, body = ?, lease_until = ? where key = ?");
  return (key, answer, now) => {
    keep.run(answer.status, answer.body, now, key);
  };
}

export function createIdempotency(database: DatabaseSync, writer: Writer, keepAnswer: KeepAnswer): IdempotencyStore {
  const select = prepare<Row>(database, "select * from idempotency where key = ?");
  const take = prepare(
    database,
    `insert into idempotency (key, request, lease_until, status, body, created_at) values (?, ?, ?, null, null, ?)
     on conflict do update set request = excluded.request, lease_until = excluded.lease_until, status = null, body = null,
       created_at = excluded.created_at`,
  );
  const release = prepare(database, "delete from idempotency where key = ? and status is null");
  const forget = prepare(database, "delete from idempotency where key = ?");

  const claim = ({ key, request, now }: IdempotencyClaim): ClaimOutcome => {
    const row = select.get(key);
    if (row !== undefined && now < row.created_at + KEPT_MS) {
      if (row.request !== request) return { kind: "mismatch" };
      if (row.status !== null && row.body !== null)
        return { kind: "replay", answer: { status: row.status, body: row.body } };
      if (now < row.lease_until) return { kind: "running", retryAfterMs: row.lease_until - now };
    }
    take.run(key, request, now + LEASE_MS, now);
    return { kind: "claimed" };
  };

  return {
    claimKey: (step) => writer.run(() => claim(step)),
    keepAnswer: (key, answer, now) => writer.run(() => keepAnswer(key, answer, now)),
    releaseKey: (key) =>
      writer.run(() => {
        release.run(key);
      }),
    forgetKey: (key) =>
      writer.run(() => {
        forget.run(key);
      }),
  };
}
