import type { DatabaseSync } from "node:sqlite";
import { AppError } from "../../../domain/app-error.ts";
import {
  type ClaimOutcome,
  decideKey,
  type IdempotencyClaim,
  type IdempotentAnswer,
  KEY_LEASE_MS,
  type KeptKey,
} from "../../../domain/idempotency.ts";
import type { IdempotencyStore } from "../../../ports/idempotency-store.ts";
import { prepare } from "./statement.ts";
import type { Writer } from "./writer.ts";

interface Row {
  readonly request: string;
  readonly lease_until: number;
  readonly status: number | null;
  readonly body: string | null;
  readonly created_at: number;
}

const toKept = ({ request, lease_until, status, body, created_at }: Row): KeptKey => ({
  request,
  leaseUntil: lease_until,
  answer: status === null || body === null ? null : { status, body },
  createdAt: created_at,
});

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

  const claim = (step: IdempotencyClaim): ClaimOutcome => {
    const { key, request, now } = step;
    const row = select.get(key);
    const outcome = decideKey(row === undefined ? null : toKept(row), step);
    if (outcome.kind === "claimed") take.run(key, request, now + KEY_LEASE_MS, now);
    return outcome;
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
