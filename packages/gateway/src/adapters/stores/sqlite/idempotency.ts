import type { DatabaseSync } from "node:sqlite";
import { AppError } from "../../../domain/app-error.ts";
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

/**
 * Keeps the first answer inside the step that does the work.
 *
 * @throws {AppError} `idempotency_running` when the key has an answer by now, or is nobody's: a request that stalled past
 *   its lease undoes its work instead of doing it twice
 */
export type KeepFirstAnswer = (key: string, answer: IdempotentAnswer, now: number) => void;

export function createFirstAnswerKeeper(database: DatabaseSync): KeepFirstAnswer {
  const keep = prepare(
    database,
    "update idempotency set status = ?, body = ?, lease_until = ? where key = ? and status is null",
  );
  return (key, answer, now) => {
    if (keep.run(answer.status, answer.body, now, key) === 1) return;
    throw new AppError("idempotency_running", { retryAfterSeconds: 1 });
  };
}

export function createIdempotency(database: DatabaseSync, writer: Writer): IdempotencyStore {
  const select = prepare<Row>(database, "select * from idempotency where key = ?");
  const take = prepare(
    database,
    `insert into idempotency (key, request, lease_until, status, body, created_at) values (?, ?, ?, null, null, ?)
     on conflict do update set request = excluded.request, lease_until = excluded.lease_until, status = null, body = null,
       created_at = excluded.created_at`,
  );
  const keep = prepare(database, "update idempotency set status = ?, body = ? where key = ?");
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
    keepAnswer: (key, { status, body }) =>
      writer.run(() => {
        keep.run(status, body, key);
      }),
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
