import type { DatabaseSync } from "node:sqlite";
import { type CheckOutcome, decideCheck, guessedTooLate } from "../../../domain/check.ts";
import { decideStart } from "../../../domain/start.ts";
import { isLive, statusAt, type Verification } from "../../../domain/verification.ts";
import type {
  CheckStep,
  DueFallback,
  StartOutcome,
  StartStep,
  VerificationStore,
} from "../../../ports/verification-store.ts";
import type { ChargeBook } from "./charges.ts";
import type { AppendEvent } from "./events.ts";
import { createFailureAppender, createFailureReader } from "./guesses.ts";
import type { KeepFirstAnswer } from "./idempotency.ts";
import type { InsertMessage } from "./messages.ts";
import type { IsOptedOut } from "./opt-outs.ts";
import { type MessageRow, toVerification, type VerificationRow } from "./rows.ts";
import { prepare } from "./statement.ts";
import type { Writer } from "./writer.ts";

interface Parts {
  readonly database: DatabaseSync;
  readonly reader: DatabaseSync;
  readonly writer: Writer;
  readonly book: ChargeBook;
  readonly append: AppendEvent;
  readonly insertMessage: InsertMessage;
  readonly keepFirstAnswer: KeepFirstAnswer;
  readonly isOptedOut: IsOptedOut;
}

/** The live verification of a scope and address, else the newest that ended. A step that makes one ends the live one first. */
const NEWEST = `select * from verifications where address = ? and tenant = ? and purpose = ? and subject = ?
  order by status = 'pending' desc, id desc limit 1`;
const BY_ID = "select * from verifications where id = ? and tenant = ?";

export function createVerifications({
  database,
  reader,
  writer,
  book,
  append,
  insertMessage,
  keepFirstAnswer,
  isOptedOut,
}: Parts): VerificationStore {
  const selectNewest = prepare<VerificationRow>(database, NEWEST);
  const selectById = prepare<VerificationRow>(database, BY_ID);
  const insert = prepare(
    database,
    `insert into verifications (id, tenant, purpose, subject, address_kind, address, channel, status, salt, kid, code_length,
       attempts, max_attempts, sends, locale, last_message_id, fallback, created_at, expires_at, ended_at)
     values (?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?, ?, 0, ?, 1, ?, ?, ?, ?, ?, null)`,
  );
  const addSend = prepare(
    database,
    `update verifications set sends = sends + 1, channel = ?, locale = ?, last_message_id = ?, fallback = ?, fallback_at = null
     where id = ?`,
  );
  const end = prepare(
    database,
    "update verifications set status = ?, ended_at = ? where id = ? and status = 'pending'",
  );
  const setAttempts = prepare(
    database,
    "update verifications set status = ?, attempts = ?, ended_at = ? where id = ? and status = 'pending'",
  );
  const dropFallback = prepare(
    database,
    "update verifications set fallback = '', fallback_at = null where id = ? and tenant = ? and fallback_at is not null",
  );
  const markPhone = prepare(
    database,
    "update contacts set phone_verified_at = ?, updated_at = ? where tenant = ? and sub = ? and phone = ?",
  );
  const markEmail = prepare(
    database,
    "update contacts set email_verified_at = ?, updated_at = ? where tenant = ? and sub = ? and email = ?",
  );
  const readFailures = createFailureReader(database);
  const appendFailure = createFailureAppender(database);

  const insertFresh = (v: Verification): void => {
    insert.run(
      v.id,
      v.tenant,
      v.purpose,
      v.subject,
      v.address.kind,
      v.address.value,
      v.channel,
      v.salt,
      v.kid,
      v.codeLength,
      v.maxAttempts,
      v.locale,
      v.lastMessageId,
      v.fallback.join(","),
      v.createdAt,
      v.expiresAt,
    );
  };

  const start = (step: StartStep): StartOutcome => {
    const { address, message, charges, now } = step;
    const row = selectNewest.get(address.value, step.tenant, step.purpose, step.subject);
    const decision = decideStart(
      {
        newest: row === undefined ? null : toVerification(row),
        failures: readFailures(address.value, now),
        isOptedOut: isOptedOut(address.value, message.category),
        refusal: book.decide(charges, now),
      },
      step,
    );
    if (decision.kind !== "started") return decision;
    const { verification, isFresh, replaced, event } = decision;
    if (replaced !== null) end.run(replaced.status, replaced.endedAt, replaced.id);
    const { id, channel, locale, lastMessageId, fallback } = verification;
    if (isFresh) insertFresh(verification);
    else addSend.run(channel, locale, lastMessageId, fallback.join(","), id);
    const note = book.write(charges, { messageId: message.id, channel, at: now });
    insertMessage({
      message: { ...message, deliverBefore: verification.expiresAt },
      verificationId: id,
      isBegun: true,
      note,
      now,
    });
    append(event);
    const started = { verification, messageId: message.id };
    if (step.idempotency !== undefined) keepFirstAnswer(step.idempotency.key, step.idempotency.answer(started), now);
    return { kind: "started", ...started };
  };

  const findTarget = (target: CheckStep["target"]): VerificationRow | undefined =>
    "id" in target
      ? selectById.get(target.id, target.tenant)
      : selectNewest.get(target.address.value, target.tenant, target.purpose, target.subject);

  const markContact = ({ address, tenant, subject }: Verification, now: number): void => {
    if (subject === "") return;
    (address.kind === "phone" ? markPhone : markEmail).run(now, now, tenant, subject, address.value);
  };

  const check = (step: CheckStep): CheckOutcome => {
    const { target, now } = step;
    const isById = "id" in target;
    const row = findTarget(target);
    const found = row === undefined ? null : toVerification(row);
    const address = isById ? row?.address : target.address.value;
    const failures = address === undefined ? { failures: [], approvedAt: null } : readFailures(address, now);
    const { outcome, counted } = decideCheck({ found, failures }, { ...step, isById });
    if (counted === null) return outcome;
    const { verification, isRight, event } = counted;
    const { id, status, attempts, endedAt } = verification;
    if (setAttempts.run(status, attempts, endedAt, id) !== 1) return guessedTooLate(verification);
    if (isRight) markContact(verification, now);
    else appendFailure({ verification, attempt: attempts, at: now });
    append(event);
    return outcome;
  };

  const cancel = (tenant: string, id: string, now: number): Verification | null => {
    const row = selectById.get(id, tenant);
    if (row === undefined) return null;
    const verification = toVerification(row);
    if (!isLive(verification, now)) return { ...verification, status: statusAt(verification, now) };
    end.run("canceled", now, id);
    append({ at: now, tenant, type: "verification.canceled", entityId: id });
    return { ...verification, status: "canceled", endedAt: now };
  };

  const endFallback = (due: DueFallback, reason: string, now: number): void => {
    if (dropFallback.run(due.id, due.tenant) !== 1) return;
    append({ at: now, tenant: due.tenant, type: "verification.fallback_ended", entityId: due.id, data: { reason } });
  };

  const readById = prepare<VerificationRow>(reader, BY_ID);
  const readNewest = prepare<VerificationRow>(reader, NEWEST);
  const readLastMessage = prepare<Pick<MessageRow, "state" | "error_code">>(
    reader,
    "select state, error_code from messages where id = ?",
  );
  const readBudget = createFailureReader(reader);
  const readFallbacks = prepare<DueFallback>(
    reader,
    "select tenant, id from verifications where fallback_at <= ? and fallback_at is not null order by fallback_at limit ?",
  );

  return {
    startVerification: (step) => writer.run(() => start(step)),
    checkCode: (step) => writer.run(() => check(step)),
    cancelVerification: (tenant, id, now) => writer.run(() => cancel(tenant, id, now)),
    listFallbacks: async (until, limit) => readFallbacks.all(until, limit),
    endFallback: (...given) => writer.run(() => endFallback(...given)),
    readVerification: async (tenant, id) => {
      const row = readById.get(id, tenant);
      return row === undefined ? null : toVerification(row);
    },
    readAddressState: async ({ tenant, purpose, subject }, address, now) => {
      const row = readNewest.get(address.value, tenant, purpose, subject);
      const message = row === undefined ? undefined : readLastMessage.get(row.last_message_id);
      return {
        latest: row === undefined ? null : toVerification(row),
        failures: readBudget(address.value, now),
        lastMessage: message === undefined ? null : { state: message.state, errorCode: message.error_code },
      };
    },
    readFailures: async (address, now) => readBudget(address.value, now),
  };
}
