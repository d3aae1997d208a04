import type { Pool } from "pg";
import { longest, toChargeNote } from "../../../domain/limits.ts";
import { decideStart, type StartDecision } from "../../../domain/start.ts";
import type { Verification } from "../../../domain/verification.ts";
import type { StartOutcome, StartStep } from "../../../ports/verification-store.ts";
import { toVerification, VERIFICATION_COLUMNS, type VerificationRow } from "./columns.ts";
import { counterLock, insertSends, type NewSend, readBook } from "./counters.ts";
import { insertEvents } from "./events.ts";
import { readFailures } from "./failures.ts";
import { type Settled, settle } from "./group.ts";
import { lockUnanswered } from "./idempotency.ts";
import { addressLock } from "./locks.ts";
import { readOptedOut } from "./opt-outs.ts";
import { insertMessages, type NewMessageRow } from "./outbox.ts";
import type { Grant, Slices } from "./slices.ts";
import { inTransaction, type Statement, type Transaction } from "./transaction.ts";

/** The live verification of each scope and address, else the newest that ended. */
export const NEWEST: Statement = {
  name: "newest_verifications",
  text: `select n.i, ${VERIFICATION_COLUMNS}
    from unnest($1::text[], $2::text[], $3::text[], $4::text[]) with ordinality as n (address, tenant, purpose, subject, i)
    cross join lateral (
      select * from verifications v
      where v.address = n.address and v.tenant = n.tenant and v.purpose = n.purpose and v.subject = n.subject
      order by v.status = 'pending' desc, v.id desc limit 1
    ) v`,
};

type Scoped = Pick<StartStep, "address" | "tenant" | "purpose" | "subject">;

/** What `NEWEST` is asked with. */
export const toColumns = (scopes: readonly Scoped[]): readonly (readonly string[])[] => [
  scopes.map(({ address }) => address.value),
  scopes.map(({ tenant }) => tenant),
  scopes.map(({ purpose }) => purpose),
  scopes.map(({ subject }) => subject),
];

const CHANGE: Statement = {
  name: "change_verifications",
  text: `update verifications v set status = n.status, ended_at = n.ended_at, sends = n.sends, channel = n.channel,
      locale = n.locale, last_message_id = n.last_message_id, fallback = n.fallback, fallback_at = null
    from json_to_recordset($1) as n (id text, status text, ended_at int8, sends int, channel text, locale text,
      last_message_id text, fallback text)
    where v.id = n.id`,
};
const INSERT: Statement = {
  name: "insert_verifications",
  text: `insert into verifications (id, tenant, purpose, subject, address_kind, address, channel, status, salt, kid,
      code_length, attempts, max_attempts, sends, locale, last_message_id, fallback, created_at, expires_at, ended_at)
    select id, tenant, purpose, subject, address_kind, address, channel, status, decode(salt, 'hex'), kid,
      code_length, 0, max_attempts, sends, locale, last_message_id, fallback, created_at, expires_at, ended_at
    from json_to_recordset($1) as n (id text, tenant text, purpose text, subject text, address_kind text, address text,
      channel text, status text, salt text, kid text, code_length int, max_attempts int, sends int, locale text,
      last_message_id text, fallback text, created_at int8, expires_at int8, ended_at int8)`,
};

/** A verification as the batch leaves it. */
interface Written {
  readonly verification: Verification;
  readonly isFresh: boolean;
}

const toChangedRow = ({ verification: v }: Written) => ({
  id: v.id,
  status: v.status,
  ended_at: v.endedAt,
  sends: v.sends,
  channel: v.channel,
  locale: v.locale,
  last_message_id: v.lastMessageId,
  fallback: v.fallback.join(","),
});

const toFreshRow = (written: Written) => {
  const { verification: v } = written;
  return {
    ...toChangedRow(written),
    tenant: v.tenant,
    purpose: v.purpose,
    subject: v.subject,
    address_kind: v.address.kind,
    address: v.address.value,
    salt: Buffer.from(v.salt).toString("hex"),
    kid: v.kid,
    code_length: v.codeLength,
    max_attempts: v.maxAttempts,
    created_at: v.createdAt,
    expires_at: v.expiresAt,
  };
};

type Begun = Extract<StartDecision, { kind: "started" }> & { readonly step: StartStep };

const scopeKey = ({ address, tenant, purpose, subject }: Scoped): string =>
  JSON.stringify([address.value, tenant, purpose, subject]);

/** The locks of a start: its address, and every counter that is not the address's own. */
const locksOf = ({ address, charges }: StartStep): readonly string[] => [
  addressLock(address.value),
  ...charges.filter(({ key, bucketMs }) => key !== address.value && bucketMs === undefined).map(counterLock),
];

/** The newest verification of each scope, changed in memory as the batch goes on, so that its steps see each other. */
function createLedger(newest: ReadonlyMap<string, Verification>) {
  const current = new Map(newest);
  const written = new Map<string, Written>();
  return {
    newestOf: (step: StartStep): Verification | null => current.get(scopeKey(step)) ?? null,
    note: ({ verification, isFresh, replaced, step }: Begun): void => {
      const before = current.get(scopeKey(step));
      if (replaced !== null && before !== undefined) {
        const { status, endedAt } = replaced;
        const isNew = written.get(before.id)?.isFresh === true;
        written.set(before.id, { isFresh: isNew, verification: { ...before, status, endedAt } });
      }
      const isNew = isFresh || written.get(verification.id)?.isFresh === true;
      written.set(verification.id, { verification, isFresh: isNew });
      current.set(scopeKey(step), verification);
    },
    written: () => [...written.values()],
  };
}

async function readState(transaction: Transaction, steps: readonly StartStep[]) {
  const scopes = [...new Map(steps.map((step) => [scopeKey(step), step])).values()];
  const [rows, failuresOf, optedOut, book, keys] = await Promise.all([
    transaction.rows<VerificationRow & { readonly i: number }>(NEWEST, toColumns(scopes)),
    readFailures(transaction.rows, {
      addresses: scopes.map(({ address }) => address.value),
      now: Math.max(...steps.map(({ now }) => now)),
    }),
    readOptedOut(
      transaction.rows,
      steps.map(({ address, message: { category } }) => ({ address: address.value, category })),
    ),
    readBook(transaction, steps),
    lockUnanswered(
      transaction,
      steps.flatMap(({ idempotency }) => idempotency?.key ?? []),
    ),
  ]);
  const newest = rows.map(({ i: _, ...row }) => toVerification(row));
  return { ledger: createLedger(new Map(newest.map((v) => [scopeKey(v), v]))), failuresOf, optedOut, book, keys };
}

function write(transaction: Transaction, begun: readonly Begun[], written: readonly Written[]): void {
  const changed = written.filter(({ isFresh }) => !isFresh);
  const fresh = written.filter(({ isFresh }) => isFresh);
  // What ends comes before what takes its place: one live row for each scope.
  if (changed.length > 0) transaction.send(CHANGE, [JSON.stringify(changed.map(toChangedRow))]);
  if (fresh.length > 0) transaction.send(INSERT, [JSON.stringify(fresh.map(toFreshRow))]);
  insertMessages(
    transaction,
    begun.map(
      ({ verification, step: { message, charges, now } }): NewMessageRow => ({
        message: { ...message, deliverBefore: verification.expiresAt },
        verificationId: verification.id,
        isBegun: true,
        note: toChargeNote(charges),
        now,
      }),
    ),
  );
  insertSends(
    transaction,
    begun.map(
      ({ step: { message, charges, channel, now } }): NewSend => ({ messageId: message.id, charges, channel, at: now }),
    ),
  );
  insertEvents(
    transaction,
    begun.map(({ event }) => event),
  );
}

async function startBatch(transaction: Transaction, steps: readonly StartStep[], grant: Grant) {
  grant.reset();
  transaction.lock(steps.flatMap(locksOf));
  const { ledger, failuresOf, optedOut, book, keys } = await readState(transaction, steps);
  const begun: Begun[] = [];
  const startOne = (step: StartStep, index: number): StartOutcome => {
    const { address, charges, channel, message, idempotency, now } = step;
    const decision = decideStart(
      {
        newest: ledger.newestOf(step),
        failures: failuresOf(address.value),
        isOptedOut: optedOut.has(index),
        refusal: longest(book.decide(charges, now), grant.decide(charges, now)),
      },
      step,
    );
    if (decision.kind !== "started") return decision;
    const started = { verification: decision.verification, messageId: message.id };
    if (idempotency !== undefined) keys.keep(idempotency.key, idempotency.answer(started), now);
    grant.take(charges);
    book.add(charges, { at: now, channel, released: false });
    ledger.note({ ...decision, step });
    begun.push({ ...decision, step });
    return { kind: "started", ...started };
  };
  const settled = steps.map((step, index) => settle(() => startOne(step, index)));
  write(transaction, begun, ledger.written());
  keys.write(transaction);
  await transaction.commit();
  return settled;
}

/** Starts a batch of verifications. */
export async function runStarts(
  pool: Pool,
  slices: Slices,
  steps: readonly StartStep[],
): Promise<readonly Settled<StartOutcome>[]> {
  const grant = await slices.reserve(steps);
  try {
    return await inTransaction(pool, (transaction) => startBatch(transaction, steps, grant));
  } finally {
    grant.close();
  }
}
