import type { DatabaseSync } from "node:sqlite";
import {
  applyReceipt,
  type Conclusion,
  claimDue,
  concludeAttempt,
  keepsText,
  keepsVendorId,
  type MessageMove,
} from "../../../domain/attempt.ts";
import type { Receipt } from "../../../domain/delivery.ts";
import type { StoredMessage } from "../../../domain/message.ts";
import type { Claimed, ClaimStep, MessageStore } from "../../../ports/message-store.ts";
import type { SweepStep } from "../../../ports/retention-store.ts";
import type { ChargeBook } from "./charges.ts";
import type { AppendEvent } from "./events.ts";
import type { IsOptedOut } from "./opt-outs.ts";
import { type MessageRow, toMessage } from "./rows.ts";
import { prepare } from "./statement.ts";
import type { Writer } from "./writer.ts";

interface Parts {
  readonly database: DatabaseSync;
  readonly writer: Writer;
  readonly book: ChargeBook;
  readonly append: AppendEvent;
  readonly isOptedOut: IsOptedOut;
}

/** Inside a step of the writer: ends messages past their deadline, whatever is paused. */
export type ExpireOverdue = (step: SweepStep) => readonly StoredMessage[];

interface Attempts {
  readonly port: Pick<MessageStore, "claimMessages" | "claimMessage" | "settleAttempt" | "applyReceipt">;
  readonly expireOverdue: ExpireOverdue;
}

/** How a message leaves this gateway: claims, ends of attempts, receipts. */
export function createAttempts({ database, writer, book, append, isOptedOut }: Parts): Attempts {
  const selectById = prepare<MessageRow>(database, "select * from messages where id = ?");
  const selectDue = prepare<MessageRow>(
    database,
    `select * from messages where lane = ? and due_at <= ? and due_at is not null
       and (country is null or country not in (select value from json_each(?))) order by due_at limit ?`,
  );
  const selectOverdue = prepare<MessageRow>(
    database,
    `select * from messages where lane in ('otp', 'notification') and due_at <= ?1 and due_at is not null
       and deliver_before <= ?1 limit ?2`,
  );
  const update = prepare(
    database,
    `update messages set state = ?, error_code = ?, provider = ?, provider_message_id = ?, attempts = ?, tried = ?,
       unknown_attempts = ?, due_at = ?, updated_at = ?, text = case when ? then text end where id = ? and attempts = ? and state = ?`,
  );
  const selectCharges = prepare<{ charges: string }>(database, "select charges from messages where id = ?");
  const selectStatus = prepare<{ status: string }>(database, "select status from verifications where id = ?");
  const takeSendFromVerification = prepare(
    database,
    `update verifications set sends = sends - 1, status = case when sends <= 1 then 'failed' else status end,
       ended_at = case when sends <= 1 then ? end
     where id = ? and status = 'pending'`,
  );
  const planFallback = prepare(
    database,
    `update verifications set fallback_at = ?, sends = sends - ?
     where id = ? and status = 'pending' and fallback <> '' and last_message_id = ?`,
  );

  const release = ({ id, createdAt }: StoredMessage): void =>
    book.release(selectCharges.get(id)?.charges ?? "[]", { messageId: id, at: createdAt });

  /** A verification that never had a send fails, unless another channel takes over. */
  const tellVerification = ({ message, giveBack, fallsBack }: MessageMove): void => {
    const { id, verificationId, updatedAt } = message;
    if (verificationId === null) return;
    if (fallsBack && planFallback.run(updatedAt, giveBack ? 1 : 0, verificationId, id) === 1) return;
    if (giveBack) takeSendFromVerification.run(updatedAt, verificationId);
  };

  /** Null when the message is no longer where the caller saw it: another attempt, another state. */
  const move = (seen: StoredMessage, change: MessageMove) => {
    const { message: next, dueAt, giveBack, events } = change;
    const moved = update.run(
      next.state,
      next.errorCode,
      next.provider,
      next.providerMessageId,
      next.attempts,
      JSON.stringify(next.tried),
      next.unknownAttempts,
      dueAt,
      next.updatedAt,
      keepsText(next.state) ? 1 : 0,
      seen.id,
      seen.attempts,
      seen.state,
    );
    if (moved !== 1) return null;
    if (giveBack) release(seen);
    tellVerification(change);
    for (const event of events) append(event);
    return next;
  };

  /** A receipt was faster than the answer of the call: it stands, only the vendor's id is new. */
  const keepVendorId = (seen: StoredMessage, providerMessageId: string, now: number): StoredMessage | null => {
    const row = selectById.get(seen.id);
    if (row === undefined) return null;
    const current = toMessage(row);
    if (!keepsVendorId(seen, current)) return null;
    const message = { ...current, providerMessageId, updatedAt: now };
    return move(current, { message, dueAt: null, giveBack: false, fallsBack: false, events: [] });
  };

  const settle = (message: StoredMessage, conclusion: Conclusion): StoredMessage | null => {
    const { result, now } = conclusion;
    const moved = move(message, concludeAttempt(message, conclusion));
    if (moved !== null || result.outcome !== "accepted") return moved;
    return keepVendorId(message, result.providerMessageId, now);
  };

  const isWanted = ({ verificationId, to, category }: StoredMessage): boolean =>
    !isOptedOut(to, category) && (verificationId === null || selectStatus.get(verificationId)?.status === "pending");

  const take = (row: MessageRow, { leaseMs, now }: Pick<ClaimStep, "leaseMs" | "now">): StoredMessage | null => {
    const found = toMessage(row);
    return move(found, claimDue(found, { isWanted: isWanted(found), leaseMs, now }));
  };

  const claim = (step: ClaimStep): Claimed => {
    const begun: StoredMessage[] = [];
    const ended: StoredMessage[] = [];
    for (const { lane, exceptCountries, limit } of step.lanes) {
      const due = selectDue.all(lane, step.now, JSON.stringify(exceptCountries), limit);
      for (const row of due) {
        const message = take(row, step);
        if (message !== null) (message.state === "sending" ? begun : ended).push(message);
      }
    }
    return { begun, ended };
  };

  const claimOne = (id: string, step: Pick<ClaimStep, "leaseMs" | "now">): StoredMessage | null => {
    const row = selectById.get(id);
    return row === undefined || row.due_at === null || row.due_at > step.now ? null : take(row, step);
  };

  const receive = (id: string, receipt: Receipt, now: number): StoredMessage | null => {
    const row = selectById.get(id);
    if (row === undefined) return null;
    const seen = toMessage(row);
    const moved = applyReceipt(seen, receipt, now);
    return moved === null ? null : move(seen, moved);
  };

  return {
    port: {
      claimMessages: (step) => writer.run(() => claim(step)),
      claimMessage: (id, step) => writer.run(() => claimOne(id, step)),
      settleAttempt: (message, conclusion) => writer.run(() => settle(message, conclusion)),
      applyReceipt: (id, receipt, now) => writer.run(() => receive(id, receipt, now)),
    },
    expireOverdue: ({ now, limit }) =>
      selectOverdue.all(now, limit).flatMap((row) => take(row, { leaseMs: 0, now }) ?? []),
  };
}
