import type { Pool } from "pg";
import { longest, toChargeNote } from "../../../domain/limits.ts";
import { decideStart, type StartDecision } from "../../../domain/start.ts";
import type { Verification } from "../../../domain/verification.ts";
import type { StartOutcome, StartStep } from "../../../ports/verification-store.ts";
import { toVerification, VERIFICATION_COLUMNS, type VerificationRow } from "./columns.ts";
import { counterLock, insertSends, type NewSend, readBook } from "./counters.ts";
import { insertEvents } from "./events.ts";
import { readFailures } from "./failures.ts";
import type { Settled } from "./group.ts";
import { lockUnanswered } from "./idempotency.ts";
import { addressLock } from "./locks.ts";
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

const END: Statement = {
  name: "end_verifications",
  text: `update verifications v set status = n.status, ended_at = n.ended_at
    from json_to_recordset($1) as n (id text, status text, ended_at int8) where v.id = n.id and v.status = 'pending'`,
};
const ADD_SEND: Statement = {
  name: "add_sends",
  text: `update verifications v set sends = n.sends, channel = n.channel, locale = n.locale, last_message_id = n.last_message_id
    from json_to_recordset($1) as n (id text, sends int, channel text, locale text, last_message_id text) where v.id = n.id`,
};
const INSERT: Statement = {
  name: "insert_verifications",
  text: `insert into verifications (id, tenant, purpose, subject, address_kind, address, channel, status, salt, kid,
      code_length, attempts, max_attempts, sends, locale, last_message_id, created_at, expires_at, ended_at)
    select id, tenant, purpose, subject, address_kind, address, channel, 'pending', decode(salt, 'hex'), kid,
      code_length, 0, max_attempts, 1, locale, last_message_id, created_at, expires_at, null
    from json_to_recordset($1) as n (id text, tenant text, purpose text, subject text, address_kind text, address text,
      channel text, salt text, kid text, code_length int, max_attempts int, locale text, last_message_id text,
      created_at int8, expires_at int8)`,
};

const toFreshRow = (v: Verification, messageId: string) => ({
  id: v.id,
  tenant: v.tenant,
  purpose: v.purpose,
  subject: v.subject,
  address_kind: v.address.kind,
  address: v.address.value,
  channel: v.channel,
  salt: Buffer.from(v.salt).toString("hex"),
  kid: v.kid,
  code_length: v.codeLength,
  max_attempts: v.maxAttempts,
  locale: v.locale,
  last_message_id: messageId,
  created_at: v.createdAt,
  expires_at: v.expiresAt,
});

type Begun = Extract<StartDecision, { kind: "started" }> & { readonly step: StartStep };

/** The locks of a start: its address, and every counter that is not the address's own. */
const locksOf = ({ address, charges }: StartStep): readonly string[] => [
  addressLock(address.value),
  ...charges.filter(({ key, bucketMs }) => key !== address.value && bucketMs === undefined).map(counterLock),
];

async function readState(transaction: Transaction, steps: readonly StartStep[]) {
  const [newest, failuresOf, book, keys] = await Promise.all([
    transaction.rows<VerificationRow & { readonly i: number }>(NEWEST, [
      steps.map(({ address }) => address.value),
      steps.map(({ tenant }) => tenant),
      steps.map(({ purpose }) => purpose),
      steps.map(({ subject }) => subject),
    ]),
    readFailures(transaction.rows, {
      addresses: steps.map(({ address }) => address.value),
      now: Math.max(...steps.map(({ now }) => now)),
    }),
    readBook(transaction, steps),
    lockUnanswered(
      transaction,
      steps.flatMap(({ idempotency }) => idempotency?.key ?? []),
    ),
  ]);
  return { newest: new Map(newest.map(({ i, ...row }) => [i - 1, toVerification(row)])), failuresOf, book, keys };
}

function write(transaction: Transaction, begun: readonly Begun[]): void {
  const send = (statement: Statement, rows: readonly object[]): void => {
    if (rows.length > 0) transaction.send(statement, [JSON.stringify(rows)]);
  };
  send(
    END,
    begun.flatMap(({ replaced }) =>
      replaced === null ? [] : [{ id: replaced.id, status: replaced.status, ended_at: replaced.endedAt }],
    ),
  );
  send(
    ADD_SEND,
    begun
      .filter(({ isFresh }) => !isFresh)
      .map(({ verification: { id, sends, channel, locale }, step }) => ({
        ...{ id, sends, channel, locale, last_message_id: step.message.id },
      })),
  );
  send(
    INSERT,
    begun.filter(({ isFresh }) => isFresh).map(({ verification, step }) => toFreshRow(verification, step.message.id)),
  );
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
  const { newest, failuresOf, book, keys } = await readState(transaction, steps);
  const begun: Begun[] = [];
  const startOne = (step: StartStep, index: number): StartOutcome => {
    const { address, charges, channel, message, idempotency, now } = step;
    const decision = decideStart(
      {
        newest: newest.get(index) ?? null,
        failures: failuresOf(address.value),
        refusal: longest(book.decide(charges, now), grant.decide(charges, now)),
      },
      step,
    );
    if (decision.kind !== "started") return decision;
    const started = { verification: decision.verification, messageId: message.id };
    if (idempotency !== undefined) keys.keep(idempotency.key, idempotency.answer(started), now);
    grant.take(charges);
    book.add(charges, { at: now, channel, released: false });
    begun.push({ ...decision, step });
    return { kind: "started", ...started };
  };
  const settled = steps.map((step, index): Settled<StartOutcome> => {
    try {
      return { value: startOne(step, index) };
    } catch (thrown) {
      return { thrown };
    }
  });
  write(transaction, begun);
  keys.write(transaction);
  await transaction.commit();
  return settled;
}

/** Starts a batch of verifications, each on an address of its own. */
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
