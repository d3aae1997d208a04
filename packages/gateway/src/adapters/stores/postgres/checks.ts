import type { Pool } from "pg";
import { type CheckOutcome, type CountedGuess, decideCheck, guessedTooLate } from "../../../domain/check.ts";
import type { CheckStep } from "../../../ports/verification-store.ts";
import { toVerification, VERIFICATION_COLUMNS, type VerificationRow } from "./columns.ts";
import { insertEvents } from "./events.ts";
import { readFailures } from "./failures.ts";
import type { Settled } from "./group.ts";
import { addressLock } from "./locks.ts";
import { NEWEST } from "./starts.ts";
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

/** Counts the guesses, ends what they end, notes the wrong ones, marks the contacts of the right ones. */
const COUNT: Statement = {
  name: "count_guesses",
  text: `with n as (
      select * from json_to_recordset($1) as n (id text, tenant text, subject text, address text, kind text, status text,
        attempts int, ended_at int8, is_right bool, scope text, now int8)
    ), counted as (
      update verifications v set status = n.status, attempts = n.attempts, ended_at = n.ended_at
      from n where v.id = n.id and v.status = 'pending' and v.attempts = n.attempts - 1
      returning v.id
    ), noted as (
      insert into guesses (address, at, verification_id, attempt, scope)
      select n.address, n.now, n.id, n.attempts, n.scope from n join counted using (id) where not n.is_right
    ), marked as (
      update contacts c set updated_at = n.now,
        phone_verified_at = case n.kind when 'phone' then n.now else c.phone_verified_at end,
        email_verified_at = case n.kind when 'email' then n.now else c.email_verified_at end
      from n join counted using (id)
      where n.is_right and n.subject <> '' and c.tenant = n.tenant and c.sub = n.subject
        and n.address = case n.kind when 'phone' then c.phone else c.email end
    )
    select id from counted`,
};

const toRow = ({ verification: v, isRight }: CountedGuess, now: number) => ({
  id: v.id,
  tenant: v.tenant,
  subject: v.subject,
  address: v.address.value,
  kind: v.address.kind,
  status: v.status,
  attempts: v.attempts,
  ended_at: v.endedAt,
  is_right: isRight,
  scope: v.subject === "" ? "open" : "known",
  now,
});

/** What a target is called within a batch. */
export const targetKey = ({ target }: CheckStep): string =>
  "id" in target ? `id:${target.id}` : addressLock(target.address.value);

interface Split {
  readonly ids: readonly string[];
  readonly scopes: readonly Exclude<CheckStep["target"], { readonly id: string }>[];
}

const split = (steps: readonly CheckStep[]): Split => ({
  ids: steps.flatMap(({ target }) => ("id" in target ? [target.id] : [])),
  scopes: steps.flatMap(({ target }) => ("id" in target ? [] : [target])),
});

function lockTargets(transaction: Transaction, { ids, scopes }: Split): void {
  transaction.send(LOCK, [scopes.map(({ address }) => addressLock(address.value)), ids]);
}

async function readState(transaction: Transaction, steps: readonly CheckStep[]) {
  const { ids, scopes } = split(steps);
  const [byId, newest, failuresOf] = await Promise.all([
    ids.length === 0 ? [] : transaction.rows<VerificationRow>(BY_IDS, [ids]),
    scopes.length === 0
      ? []
      : transaction.rows<VerificationRow & { readonly i: number }>(NEWEST, [
          scopes.map(({ address }) => address.value),
          scopes.map(({ tenant }) => tenant),
          scopes.map(({ purpose }) => purpose),
          scopes.map(({ subject }) => subject),
        ]),
    readFailures(transaction.rows, {
      addresses: scopes.map(({ address }) => address.value),
      ids,
      now: Math.max(...steps.map(({ now }) => now)),
    }),
  ]);
  const rowsById = new Map(byId.map((row) => [row.id, toVerification(row)]));
  const rowsByScope = new Map(newest.map(({ i, ...row }) => [scopes[i - 1], toVerification(row)]));
  const find = ({ target }: CheckStep) => {
    if (!("id" in target)) return rowsByScope.get(target) ?? null;
    const row = rowsById.get(target.id);
    return row?.tenant === target.tenant ? row : null;
  };
  return { find, failuresOf };
}

async function checkBatch(transaction: Transaction, steps: readonly CheckStep[]) {
  lockTargets(transaction, split(steps));
  const { find, failuresOf } = await readState(transaction, steps);
  const counted: (CountedGuess & { readonly now: number })[] = [];
  const addresses = new Set<string>();

  const checkOne = (step: CheckStep): Settled<CheckOutcome> => {
    const { target } = step;
    const isById = "id" in target;
    const found = find(step);
    const address = isById ? found?.address.value : target.address.value;
    // A guess by id and one by address may mean the same row, which this batch then counts once.
    if (address !== undefined && addresses.has(address)) return { again: true };
    if (address !== undefined) addresses.add(address);
    const failures = failuresOf(address ?? "");
    const decision = decideCheck({ found, failures }, { ...step, isById });
    if (decision.counted !== null) counted.push({ ...decision.counted, now: step.now });
    return { value: decision.outcome };
  };
  const settled = steps.map((step): Settled<CheckOutcome> => {
    try {
      return checkOne(step);
    } catch (thrown) {
      return { thrown };
    }
  });
  if (counted.length === 0) {
    await transaction.commit();
    return settled;
  }
  const writing = transaction.rows<{ id: string }>(COUNT, [JSON.stringify(counted.map((g) => toRow(g, g.now)))]);
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

/** Checks a batch of guesses; of two that mean one address, the second waits for the next batch. */
export const runChecks = (pool: Pool, steps: readonly CheckStep[]): Promise<readonly Settled<CheckOutcome>[]> =>
  inTransaction(pool, (transaction) => checkBatch(transaction, steps));
