import type { Pool } from "pg";
import { type CheckOutcome, type CountedGuess, decideCheck, guessedTooLate } from "../../../domain/check.ts";
import type { FailureBudget } from "../../../domain/failures.ts";
import type { Verification } from "../../../domain/verification.ts";
import type { CheckStep } from "../../../ports/verification-store.ts";
import { toVerification, VERIFICATION_COLUMNS, type VerificationRow } from "./columns.ts";
import { insertEvents } from "./events.ts";
import { readFailures } from "./failures.ts";
import { type Settled, settle } from "./group.ts";
import { addressLock } from "./locks.ts";
import { NEWEST, toColumns } from "./starts.ts";
import { inTransaction, type Statement, type Transaction } from "./transaction.ts";

/** Locks addresses, given or of verifications; the address of a verification does not change while it can be checked. */
const LOCK: Statement = {
  name: "lock_targets",
  text: `select pg_advisory_xact_lock(h) from
    (select distinct hashtextextended(k, 0) as h from
      (select unnest($1::text[]) as k
        union all select '${addressLock("")}' || address from verifications where id = any($2::text[])) as keys
      order by h) as locks`,
};
const BY_IDS: Statement = {
  name: "verifications_by_ids",
  text: `select ${VERIFICATION_COLUMNS} from verifications v where v.id = any($1::text[])`,
};

/** Counts guesses, ends what they end, notes the wrong ones, marks the contacts of the right ones. */
const COUNT: Statement = {
  name: "count_guesses",
  text: `with n as (
      select * from json_to_recordset($1) as n (id text, tenant text, subject text, address text, kind text, seen_status text,
        status text, seen_attempts int, attempts int, ended_at int8)
    ), counted as (
      update verifications v set status = n.status, attempts = n.attempts, ended_at = n.ended_at
      from n where v.id = n.id and v.status = n.seen_status and v.attempts = n.seen_attempts
      returning v.id
    ), noted as (
      insert into guesses (address, at, verification_id, attempt, scope)
      select g.address, g.at, g.id, g.attempt, g.scope
      from json_to_recordset($2) as g (id text, address text, at int8, attempt int, scope text) join counted using (id)
    ), marked as (
      update contacts c set updated_at = n.ended_at,
        phone_verified_at = case n.kind when 'phone' then n.ended_at else c.phone_verified_at end,
        email_verified_at = case n.kind when 'email' then n.ended_at else c.email_verified_at end
      from n join counted using (id)
      where n.status = 'approved' and n.subject <> '' and c.tenant = n.tenant and c.sub = n.subject
        and n.address = case n.kind when 'phone' then c.phone else c.email end
    )
    select id from counted`,
};

/** What a target is called while it waits. */
export const targetKey = ({ target }: CheckStep): string =>
  "id" in target ? `id:${target.id}` : addressLock(target.address.value);

interface Split {
  readonly ids: readonly string[];
  readonly scopes: readonly Exclude<CheckStep["target"], { readonly id: string }>[];
}

const split = (steps: readonly CheckStep[]): Split => ({
  ids: [...new Set(steps.flatMap(({ target }) => ("id" in target ? [target.id] : [])))],
  scopes: [...new Set(steps.flatMap(({ target }) => ("id" in target ? [] : [target])))],
});

/** The verifications and budgets of a batch, changed in memory as it goes on, so that its guesses see each other. */
interface Ledger {
  readonly find: (step: CheckStep) => Verification | null;
  readonly failuresOf: (address: string) => FailureBudget;
  readonly note: (counted: CountedGuess) => void;
  /** What is to be written, once for each verification. */
  readonly rows: () => readonly object[];
}

function createLedger(
  verifications: readonly Verification[],
  idOfScope: ReadonlyMap<unknown, string>,
  readBudget: (address: string) => FailureBudget,
): Ledger {
  const current = new Map(verifications.map((v) => [v.id, v]));
  const seen = new Map(current);
  const budgets = new Map<string, FailureBudget>();
  const failuresOf = (address: string): FailureBudget => budgets.get(address) ?? readBudget(address);
  const changed = new Set<string>();
  return {
    find: ({ target }) => {
      const found = current.get("id" in target ? target.id : (idOfScope.get(target) ?? ""));
      return found?.tenant === target.tenant ? found : null;
    },
    failuresOf,
    note: ({ verification, isRight, event: { at } }) => {
      const { id, address } = verification;
      const { failures, approvedAt } = failuresOf(address.value);
      budgets.set(address.value, isRight ? { failures, approvedAt: at } : { failures: [at, ...failures], approvedAt });
      current.set(id, verification);
      changed.add(id);
    },
    rows: () =>
      [...changed].flatMap((id) => {
        const [v, before] = [current.get(id), seen.get(id)];
        if (v === undefined || before === undefined) return [];
        const { tenant, subject, address, status, attempts, endedAt } = v;
        const written = {
          seen_status: before.status,
          status,
          seen_attempts: before.attempts,
          attempts,
          ended_at: endedAt,
        };
        return [{ id, tenant, subject, address: address.value, kind: address.kind, ...written }];
      }),
  };
}

async function readLedger(transaction: Transaction, steps: readonly CheckStep[]): Promise<Ledger> {
  const { ids, scopes } = split(steps);
  const [byId, newest, failuresOf] = await Promise.all([
    ids.length === 0 ? [] : transaction.rows<VerificationRow>(BY_IDS, [ids]),
    scopes.length === 0 ? [] : transaction.rows<VerificationRow & { readonly i: number }>(NEWEST, toColumns(scopes)),
    readFailures(transaction.rows, {
      addresses: scopes.map(({ address }) => address.value),
      ids,
      now: Math.max(...steps.map(({ now }) => now)),
    }),
  ]);
  const ofScopes = newest.map(({ i, ...row }) => ({ scope: scopes[i - 1], verification: toVerification(row) }));
  return createLedger(
    [...byId.map(toVerification), ...ofScopes.map(({ verification }) => verification)],
    new Map(ofScopes.map(({ scope, verification }) => [scope, verification.id])),
    failuresOf,
  );
}

const toGuessRow = ({ verification: { id, address, attempts, subject }, event: { at } }: CountedGuess) => ({
  ...{ id, address: address.value, at, attempt: attempts, scope: subject === "" ? "open" : "known" },
});

async function checkBatch(transaction: Transaction, steps: readonly CheckStep[]) {
  const { ids, scopes } = split(steps);
  transaction.send(LOCK, [scopes.map(({ address }) => addressLock(address.value)), ids]);
  const ledger = await readLedger(transaction, steps);
  const counted: CountedGuess[] = [];
  const checkOne = (step: CheckStep): CheckOutcome => {
    const { target } = step;
    const isById = "id" in target;
    const found = ledger.find(step);
    const failures = ledger.failuresOf(isById ? (found?.address.value ?? "") : target.address.value);
    const decision = decideCheck({ found, failures }, { ...step, isById });
    if (decision.counted !== null) {
      ledger.note(decision.counted);
      counted.push(decision.counted);
    }
    return decision.outcome;
  };
  const settled = steps.map((step) => settle(() => checkOne(step)));
  if (counted.length === 0) {
    await transaction.commit();
    return settled;
  }
  const wrong = counted.filter(({ isRight }) => !isRight).map(toGuessRow);
  const writing = transaction.rows<{ id: string }>(COUNT, [JSON.stringify(ledger.rows()), JSON.stringify(wrong)]);
  insertEvents(
    transaction,
    counted.map(({ event }) => event),
  );
  await transaction.commit();
  const written = new Set((await writing).map(({ id }) => id));
  return settled.map((one): Settled<CheckOutcome> => {
    // Nobody else writes while the lock is held; should it happen, the guess counted for nothing and says so.
    const verification = "value" in one && "verification" in one.value ? one.value.verification : null;
    return verification === null || written.has(verification.id) ? one : { value: guessedTooLate(verification) };
  });
}

/** Checks a batch of guesses. */
export const runChecks = (pool: Pool, steps: readonly CheckStep[]): Promise<readonly Settled<CheckOutcome>[]> =>
  inTransaction(pool, (transaction) => checkBatch(transaction, steps));
