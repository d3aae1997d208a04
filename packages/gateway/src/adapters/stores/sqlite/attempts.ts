import type { DatabaseSync } from "node:sqlite";
import { MESSAGE_STATES, type MessageState } from "@mestore/sms-gateway-contract";
import { afterAttempt, type DeliveryPlan, isForward, type Receipt, type SendResult } from "../../../domain/delivery.ts";
import type { ClaimStep, MessageStore, StoredMessage } from "../../../ports/message-store.ts";
import type { ChargeBook } from "./charges.ts";
import type { AppendEvent } from "./events.ts";
import { type MessageRow, toMessage } from "./rows.ts";
import { prepare, type Statement } from "./statement.ts";
import type { Writer } from "./writer.ts";

interface Parts {
  readonly database: DatabaseSync;
  readonly writer: Writer;
  readonly book: ChargeBook;
  readonly append: AppendEvent;
}

type Attempts = Pick<MessageStore, "claimMessages" | "settleAttempt" | "applyReceipt">;

/** Only while it may still be sent does a message keep its text. */
const keepsText = (state: MessageState): boolean => state === "queued" || state === "sending";

/** States that a receipt moves a message out of, as a list for SQL. */
const statesBefore = (state: Receipt["state"]): string =>
  MESSAGE_STATES.filter((from) => isForward(from, state))
    .map((from) => `'${from}'`)
    .join(", ");

/** How a message leaves this gateway: claims, ends of attempts, receipts. */
export function createAttempts({ database, writer, book, append }: Parts): Attempts {
  const selectById = prepare<MessageRow>(database, "select * from messages where id = ?");
  const selectDue = prepare<MessageRow>(
    database,
    `select * from messages where lane = ? and due_at <= ? and due_at is not null
       and (country is null or country not in (select value from json_each(?))) order by due_at limit ?`,
  );
  const begin = prepare(
    database,
    "update messages set state = 'sending', attempts = attempts + 1, due_at = ?, updated_at = ? where id = ?",
  );
  const update = prepare(
    database,
    `update messages set state = ?, error_code = ?, provider_message_id = ?, unknown_attempts = ?, due_at = ?, updated_at = ?,
       text = case when ? then text end where id = ? and attempts = ? and state = ?`,
  );
  const receiveSql = (state: Receipt["state"]): Statement<MessageRow> =>
    prepare(
      database,
      `update messages set state = '${state}', error_code = coalesce(?, error_code), due_at = null, updated_at = ?, text = null
       where id = ? and state in (${statesBefore(state)}) returning *`,
    );
  const receive = {
    sent: receiveSql("sent"),
    delivered: receiveSql("delivered"),
    undelivered: receiveSql("undelivered"),
  };
  const selectCharges = prepare<{ charges: string }>(database, "select charges from messages where id = ?");
  const selectStatus = prepare<{ status: string }>(database, "select status from verifications where id = ?");
  const takeSendFromVerification = prepare(
    database,
    `update verifications set sends = sends - 1, status = case when sends <= 1 then 'failed' else status end,
       ended_at = case when sends <= 1 then ? end
     where id = ? and status = 'pending'`,
  );

  const note = (message: StoredMessage, event: { type: string; at: number; data?: Record<string, unknown> }): void =>
    append({ ...event, tenant: message.tenant, entityId: message.verificationId ?? message.id, messageId: message.id });

  const giveBack = ({ id, createdAt, verificationId }: StoredMessage, now: number): void => {
    book.release(selectCharges.get(id)?.charges ?? "[]", { messageId: id, at: createdAt });
    if (verificationId !== null) takeSendFromVerification.run(now, verificationId);
  };

  type Change = Pick<StoredMessage, "state"> & Partial<StoredMessage> & { readonly dueAt?: number };

  /** Null when the message is no longer where the caller saw it: another attempt, another state. */
  const move = (seen: StoredMessage, { dueAt, ...change }: Change, now: number): StoredMessage | null => {
    const text = keepsText(change.state) ? seen.text : null;
    const next = { ...seen, ...change, text, updatedAt: now };
    const moved = update.run(
      next.state,
      next.errorCode,
      next.providerMessageId,
      next.unknownAttempts,
      dueAt ?? null,
      now,
      keepsText(next.state) ? 1 : 0,
      seen.id,
      seen.attempts,
      seen.state,
    );
    return moved === 1 ? next : null;
  };

  const toChange = (message: StoredMessage, plan: DeliveryPlan, result: SendResult): Change => ({
    state: plan.state,
    unknownAttempts: message.unknownAttempts + (result.outcome === "unknown" ? 1 : 0),
    ...(plan.errorCode === undefined ? {} : { errorCode: plan.errorCode }),
    ...(plan.nextAttemptAt === undefined ? {} : { dueAt: plan.nextAttemptAt }),
    ...(result.outcome === "accepted" ? { providerMessageId: result.providerMessageId } : {}),
  });

  /** Ends the running attempt with what it came to; null when it is not running any more. */
  const conclude = (message: StoredMessage, result: SendResult, now: number): StoredMessage | null => {
    const { attempts, unknownAttempts } = message;
    const plan = afterAttempt({ ...message, unknownBefore: unknownAttempts }, result, now);
    const next = move(message, toChange(message, plan, result), now);
    if (next === null) return null;
    if (plan.giveBack) giveBack(message, now);
    const data = {
      attempt: attempts,
      provider: message.provider,
      outcome: result.outcome,
      ...("vendorCode" in result && result.vendorCode !== undefined ? { vendorCode: result.vendorCode } : {}),
      ...(plan.errorCode === undefined ? {} : { errorCode: plan.errorCode }),
      ...(plan.giveBack ? { givenBack: true } : {}),
    };
    note(message, { type: plan.state === "queued" ? "message.retrying" : `message.${plan.state}`, at: now, data });
    return next;
  };

  /** A receipt was faster than the answer of the call: it stands, only the vendor's id is new. */
  const keepVendorId = (seen: StoredMessage, providerMessageId: string, now: number): StoredMessage | null => {
    const row = selectById.get(seen.id);
    if (row === undefined || row.attempts !== seen.attempts || row.provider_message_id !== null) return null;
    const message = toMessage(row);
    return keepsText(message.state) ? null : move(message, { state: message.state, providerMessageId }, now);
  };

  const settle = (message: StoredMessage, result: SendResult, now: number): StoredMessage | null =>
    conclude(message, result, now) ??
    (result.outcome === "accepted" ? keepVendorId(message, result.providerMessageId, now) : null);

  /** A code that was already used or given up is not sent again. */
  const isWanted = ({ verificationId }: StoredMessage): boolean =>
    verificationId === null || selectStatus.get(verificationId)?.status === "pending";

  const expire = (message: StoredMessage, now: number): void => {
    const mayHaveLeft = message.unknownAttempts > 0;
    const state = mayHaveLeft ? "unknown" : "expired";
    if (move(message, { state }, now) !== null && !mayHaveLeft) giveBack(message, now);
    const reason = now >= message.deliverBefore ? "deadline" : "verification_ended";
    note(message, { type: `message.${state}`, at: now, data: { reason } });
  };

  /** Leases one due message; null when it has ended instead. */
  const claimOne = (found: StoredMessage, { now, leaseMs }: ClaimStep): StoredMessage | null => {
    // A lease that ran out: the process that began the attempt is gone, and the call may have left.
    const message = found.state === "sending" ? conclude(found, { outcome: "unknown" }, now) : found;
    if (message === null || message.state !== "queued") return null;
    if (now >= message.deliverBefore || !isWanted(message)) {
      expire(message, now);
      return null;
    }
    begin.run(now + leaseMs, now, message.id);
    return { ...message, state: "sending", attempts: message.attempts + 1, updatedAt: now };
  };

  const claim = (step: ClaimStep): readonly StoredMessage[] => {
    const claimed: StoredMessage[] = [];
    for (const { lane, exceptCountries } of step.lanes) {
      const due = selectDue.all(lane, step.now, JSON.stringify(exceptCountries), step.limit - claimed.length);
      for (const row of due) {
        const message = claimOne(toMessage(row), step);
        if (message !== null) claimed.push(message);
      }
    }
    return claimed;
  };

  const applyReceipt = (id: string, { state, code, vendorCode }: Receipt, now: number): StoredMessage | null => {
    const row = receive[state].get(code ?? null, now, id);
    if (row === undefined) return null;
    const message = toMessage(row);
    const data = {
      ...(code === undefined ? {} : { errorCode: code }),
      ...(vendorCode === undefined ? {} : { vendorCode }),
    };
    note(message, { type: `message.${state}`, at: now, data });
    return message;
  };

  return {
    claimMessages: (step) => writer.run(() => claim(step)),
    settleAttempt: (message, result, now) => writer.run(() => settle(message, result, now)),
    applyReceipt: (id, receipt, now) => writer.run(() => applyReceipt(id, receipt, now)),
  };
}
