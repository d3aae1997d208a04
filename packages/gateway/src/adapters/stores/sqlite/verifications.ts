import type { DatabaseSync } from "node:sqlite";
import { failureWaitMs } from "../../../domain/failures.ts";
import {
  afterGuess,
  ENDED_MEMORY_MS,
  isLive,
  isReusable,
  statusAt,
  type Verification,
} from "../../../domain/verification.ts";
import type {
  CheckOutcome,
  CheckStep,
  StartOutcome,
  StartStep,
  VerificationStore,
} from "../../../ports/verification-store.ts";
import type { ChargeBook } from "./charges.ts";
import type { AppendEvent } from "./events.ts";
import { createFailureAppender, createFailureReader } from "./guesses.ts";
import type { KeepFirstAnswer } from "./idempotency.ts";
import type { InsertMessage } from "./messages.ts";
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
}: Parts): VerificationStore {
  const selectNewest = prepare<VerificationRow>(database, NEWEST);
  const selectById = prepare<VerificationRow>(database, BY_ID);
  const insert = prepare(
    database,
    `insert into verifications (id, tenant, purpose, subject, address_kind, address, channel, status, salt, kid, code_length,
       attempts, max_attempts, sends, locale, last_message_id, created_at, expires_at, ended_at)
     values (?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?, ?, 0, ?, 1, ?, ?, ?, ?, null)`,
  );
  const addSend = prepare(
    database,
    "update verifications set sends = sends + 1, channel = ?, locale = ?, last_message_id = ? where id = ?",
  );
  const end = prepare(
    database,
    "update verifications set status = ?, ended_at = ? where id = ? and status = 'pending'",
  );
  const setAttempts = prepare(
    database,
    "update verifications set status = ?, attempts = ?, ended_at = ? where id = ? and status = 'pending'",
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

  const insertFresh = (step: StartStep): Verification => {
    const { fresh, address, channel, message, now } = step;
    insert.run(
      fresh.id,
      step.tenant,
      step.purpose,
      step.subject,
      address.kind,
      address.value,
      channel,
      fresh.salt,
      fresh.kid,
      fresh.codeLength,
      fresh.maxAttempts,
      fresh.locale,
      message.id,
      now,
      fresh.expiresAt,
    );
    const { tenant, purpose, subject } = step;
    return {
      ...fresh,
      tenant,
      purpose,
      subject,
      address,
      channel,
      status: "pending",
      attempts: 0,
      sends: 1,
      createdAt: now,
      endedAt: null,
    };
  };

  /** Adds a send to the live verification, or ends what is left of it and makes a new one. */
  const reuseOrCreate = (step: StartStep): Verification => {
    const row = selectNewest.get(step.address.value, step.tenant, step.purpose, step.subject);
    if (row === undefined || row.status !== "pending") return insertFresh(step);
    const live = toVerification(row);
    if (!isReusable(live, step.now)) {
      end.run(isLive(live, step.now) ? "canceled" : "expired", Math.min(step.now, live.expiresAt), live.id);
      return insertFresh(step);
    }
    const { channel, message } = step;
    addSend.run(channel, step.fresh.locale, message.id, live.id);
    return { ...live, channel, locale: step.fresh.locale, sends: live.sends + 1 };
  };

  const start = (step: StartStep): StartOutcome => {
    const { address, message, charges, now } = step;
    const waitMs = failureWaitMs(readFailures(address.value, now), step.maxFailuresPerDay, now);
    if (waitMs > 0) return { kind: "waiting", retryAfterMs: waitMs };
    const refusal = book.decide(charges, now);
    if (refusal !== null) return { kind: "refused", refusal };

    const verification = reuseOrCreate(step);
    const note = book.write(charges, { messageId: message.id, channel: step.channel, at: now });
    insertMessage({
      message: { ...message, deliverBefore: verification.expiresAt },
      verificationId: verification.id,
      isBegun: true,
      note,
      now,
    });
    append({
      at: now,
      tenant: step.tenant,
      type: "verification.started",
      entityId: verification.id,
      messageId: message.id,
      data: { channel: step.channel, sends: verification.sends },
    });
    const started = { verification, messageId: message.id };
    if (step.idempotency !== undefined) keepFirstAnswer(step.idempotency.key, step.idempotency.answer(started), now);
    return { kind: "started", ...started };
  };

  const findTarget = (target: CheckStep["target"]): VerificationRow | undefined =>
    "id" in target
      ? selectById.get(target.id, target.tenant)
      : selectNewest.get(target.address.value, target.tenant, target.purpose, target.subject);

  const isRemembered = (row: VerificationRow, now: number): boolean =>
    (row.ended_at ?? row.expires_at) > now - ENDED_MEMORY_MS;

  const markContact = ({ address, tenant, subject }: Verification, now: number): void => {
    if (subject === "") return;
    (address.kind === "phone" ? markPhone : markEmail).run(now, now, tenant, subject, address.value);
  };

  const guess = (live: Verification, step: CheckStep): CheckOutcome => {
    const matched = step.matches(live);
    const { status, attempts } = afterGuess(live, matched);
    const endedAt = status === "pending" ? null : step.now;
    if (setAttempts.run(status, attempts, endedAt, live.id) !== 1) {
      return { kind: "none", channel: live.channel };
    }
    if (!matched) appendFailure({ verification: live, attempt: attempts, at: step.now });
    const verification: Verification = { ...live, status, attempts, endedAt };
    const event = { at: step.now, tenant: live.tenant, entityId: live.id };
    if (status === "approved") {
      markContact(verification, step.now);
      append({ ...event, type: "verification.approved" });
      return { kind: "approved", verification };
    }
    append({ ...event, type: "verification.guess_incorrect", data: { attempt: attempts } });
    if (status === "max_attempts_reached") return { kind: "exhausted", verification };
    return { kind: "incorrect", verification, attemptsRemaining: live.maxAttempts - attempts };
  };

  const check = (step: CheckStep): CheckOutcome => {
    const { target, now } = step;
    const row = findTarget(target);
    if (row === undefined && "id" in target) return { kind: "not_found" };
    const address = "id" in target ? row?.address : target.address.value;
    const waitMs = address === undefined ? 0 : failureWaitMs(readFailures(address, now), step.maxFailuresPerDay, now);
    if (waitMs > 0) return { kind: "waiting", retryAfterMs: waitMs };
    if (row === undefined) return { kind: "none" };
    const verification = toVerification(row);
    if (isLive(verification, now)) return guess(verification, step);
    if (isRemembered(row, now) && statusAt(verification, now) === "expired") return { kind: "expired" };
    return { kind: "none", channel: verification.channel };
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

  const readById = prepare<VerificationRow>(reader, BY_ID);
  const readNewest = prepare<VerificationRow>(reader, NEWEST);
  const readLastMessage = prepare<Pick<MessageRow, "state" | "error_code">>(
    reader,
    "select state, error_code from messages where id = ?",
  );
  const readBudget = createFailureReader(reader);

  return {
    startVerification: (step) => writer.run(() => start(step)),
    checkCode: (step) => writer.run(() => check(step)),
    cancelVerification: (tenant, id, now) => writer.run(() => cancel(tenant, id, now)),
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
