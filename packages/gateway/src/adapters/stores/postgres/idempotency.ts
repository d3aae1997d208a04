import type { Pool } from "pg";
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
import type { CreateGroup } from "./group.ts";
import { inTransaction, rowsOf, type Statement, type Transaction } from "./transaction.ts";

const READ: Statement = {
  name: "read_keys",
  text: `select key, request, lease_until as "leaseUntil", status, body, created_at as "createdAt"
    from idempotency where key = any($1::text[])`,
};
const TAKE: Statement = {
  name: "take_keys",
  text: `insert into idempotency (key, request, lease_until, status, body, created_at)
    select key, request, lease_until, null, null, created_at
    from json_to_recordset($1) as n (key text, request text, lease_until int8, created_at int8)
    on conflict (key) do update set request = excluded.request, lease_until = excluded.lease_until, status = null,
      body = null, created_at = excluded.created_at`,
};
const KEEP_FIRST: Statement = {
  name: "keep_first_answers",
  text: `update idempotency i set status = n.status, body = n.body, lease_until = n.now
    from json_to_recordset($1) as n (key text, status int, body text, now int8) where i.key = n.key`,
};
const LOCK_UNANSWERED: Statement = {
  name: "lock_unanswered_keys",
  text: "select key from idempotency where key = any($1::text[]) and status is null order by key for update",
};
const KEEP: Statement = {
  name: "keep_answers",
  text: `update idempotency i set status = n.status, body = n.body
    from json_to_recordset($1) as n (key text, status int, body text) where i.key = n.key`,
};
const RELEASE: Statement = {
  name: "release_key",
  text: "delete from idempotency where key = $1 and status is null",
};
const FORGET: Statement = { name: "forget_key", text: "delete from idempotency where key = $1" };

/** The keys of a batch that wait for their first answer, locked until its end. */
export interface UnansweredKeys {
  /**
   * Keeps the first answer, inside the step that does the work.
   *
   * @throws {AppError} `idempotency_running` when the key has an answer by now, or is nobody's
   */
  keep(key: string, answer: IdempotentAnswer, now: number): void;
  write(transaction: Transaction): void;
}

export async function lockUnanswered(transaction: Transaction, keys: readonly string[]): Promise<UnansweredKeys> {
  const rows = keys.length === 0 ? [] : await transaction.rows<{ key: string }>(LOCK_UNANSWERED, [keys]);
  const unanswered = new Set(rows.map(({ key }) => key));
  const answers: object[] = [];
  return {
    keep: (key, { status, body }, now) => {
      if (!unanswered.delete(key)) throw new AppError("idempotency_running", { retryAfterSeconds: 1 });
      answers.push({ key, status, body, now });
    },
    write: (transaction) => {
      if (answers.length > 0) transaction.send(KEEP_FIRST, [JSON.stringify(answers)]);
    },
  };
}

interface KeyRow extends Omit<KeptKey, "answer"> {
  readonly key: string;
  readonly status: number | null;
  readonly body: string | null;
}

const toKept = ({ status, body, ...row }: KeyRow): KeptKey => ({
  ...row,
  answer: status === null || body === null ? null : { status, body },
});

interface KeyAnswer {
  readonly key: string;
  readonly answer: IdempotentAnswer;
}

export function createIdempotency(pool: Pool, group: CreateGroup): IdempotencyStore {
  const claims = group<IdempotencyClaim, ClaimOutcome>({
    keyOf: ({ key }) => key,
    run: (steps) =>
      inTransaction(pool, async (transaction) => {
        const keys = steps.map(({ key }) => key);
        transaction.lock(keys.map((key) => `key:${key}`));
        const rows = await transaction.rows<KeyRow>(READ, [keys]);
        const kept = new Map(rows.map((row) => [row.key, toKept(row)]));
        const taken = new Map<string, object>();
        const outcomes = steps.map((step) => {
          const { key, request, now } = step;
          const outcome = decideKey(kept.get(key) ?? null, step);
          if (outcome.kind === "claimed") {
            const leaseUntil = now + KEY_LEASE_MS;
            kept.set(key, { request, leaseUntil, answer: null, createdAt: now });
            taken.set(key, { key, request, lease_until: leaseUntil, created_at: now });
          }
          return outcome;
        });
        if (taken.size > 0) transaction.send(TAKE, [JSON.stringify([...taken.values()])]);
        await transaction.commit();
        return outcomes.map((value) => ({ value }));
      }),
  });
  const answers = group<KeyAnswer, void>({
    keyOf: ({ key }) => key,
    isOneOfEach: true,
    run: async (steps) => {
      const rows = steps.map(({ key, answer: { status, body } }) => ({ key, status, body }));
      await rowsOf(pool, KEEP, [JSON.stringify(rows)]);
      return steps.map(() => ({ value: undefined }));
    },
  });
  return {
    claimKey: (claim) => claims.run(claim),
    keepAnswer: (key, answer) => answers.run({ key, answer }),
    releaseKey: async (key) => void (await rowsOf(pool, RELEASE, [key])),
    forgetKey: async (key) => void (await rowsOf(pool, FORGET, [key])),
  };
}
