import type { CheckOutcome } from "../../../domain/check.ts";
import { isLive, statusAt, type Verification } from "../../../domain/verification.ts";
import type { CheckStep, StartOutcome, StartStep, VerificationStore } from "../../../ports/verification-store.ts";
import { runChecks, targetKey } from "./checks.ts";
import { toVerification, VERIFICATION_COLUMNS, type VerificationRow } from "./columns.ts";
import type { Pools } from "./connection.ts";
import { insertEvents } from "./events.ts";
import { readFailures } from "./failures.ts";
import type { CreateGroup } from "./group.ts";
import { addressLock } from "./locks.ts";
import type { Slices } from "./slices.ts";
import { NEWEST, runStarts } from "./starts.ts";
import { assertStorable } from "./storable.ts";
import { inTransaction, type ReadRows, rowsOf, type Statement } from "./transaction.ts";

const BY_ID: Statement = {
  name: "verification_by_id",
  text: `select ${VERIFICATION_COLUMNS} from verifications v where v.id = $1 and v.tenant = $2`,
};
const LAST_MESSAGE: Statement = {
  name: "last_message",
  text: `select state, error_code as "errorCode" from messages where id = $1`,
};
const CANCEL: Statement = {
  name: "cancel_verification",
  text: "update verifications set status = 'canceled', ended_at = $2 where id = $1 and status = 'pending'",
};

interface Parts {
  readonly pools: Pools;
  readonly slices: Slices;
  readonly group: CreateGroup;
}

export function createVerifications({ pools, slices, group }: Parts): VerificationStore {
  const read: ReadRows = (statement, values) => rowsOf(pools.read, statement, values);
  const starts = group<StartStep, StartOutcome>({
    keyOf: ({ address }) => address.value,
    run: (steps) => runStarts(pools.work, slices, steps),
  });
  const checks = group<CheckStep, CheckOutcome>({
    keyOf: targetKey,
    run: (steps) => runChecks(pools.verify, steps),
  });

  const cancel = (tenant: string, id: string, now: number): Promise<Verification | null> =>
    inTransaction(pools.work, async (transaction) => {
      const [known] = await transaction.rows<VerificationRow>(BY_ID, [id, tenant]);
      if (known === undefined) {
        await transaction.commit();
        return null;
      }
      transaction.lock([addressLock(known.address)]);
      const [row = known] = await transaction.rows<VerificationRow>(BY_ID, [id, tenant]);
      const verification = toVerification(row);
      if (!isLive(verification, now)) {
        await transaction.commit();
        return { ...verification, status: statusAt(verification, now) };
      }
      transaction.send(CANCEL, [id, now]);
      insertEvents(transaction, [{ at: now, tenant, type: "verification.canceled", entityId: id }]);
      await transaction.commit();
      return { ...verification, status: "canceled", endedAt: now };
    });

  return {
    startVerification: async (step) => {
      assertStorable([step.tenant, step.subject, step.message.userName]);
      return starts.run(step);
    },
    checkCode: async (step) => {
      const { target } = step;
      assertStorable("id" in target ? [target.id] : [target.tenant, target.subject]);
      return checks.run(step);
    },
    cancelVerification: cancel,
    readVerification: async (tenant, id) => {
      const [row] = await read<VerificationRow>(BY_ID, [id, tenant]);
      return row === undefined ? null : toVerification(row);
    },
    readAddressState: async ({ tenant, purpose, subject }, address, now) => {
      const [[newest], failuresOf] = await Promise.all([
        read<VerificationRow & { readonly i: number }>(NEWEST, [[address.value], [tenant], [purpose], [subject]]),
        readFailures(read, { addresses: [address.value], now }),
      ]);
      const failures = failuresOf(address.value);
      if (newest === undefined) return { latest: null, failures, lastMessage: null };
      const { i: _, ...row } = newest;
      const [message] = await read<
        NonNullable<Awaited<ReturnType<VerificationStore["readAddressState"]>>["lastMessage"]>
      >(LAST_MESSAGE, [row.lastMessageId]);
      return { latest: toVerification(row), failures, lastMessage: message ?? null };
    },
    readFailures: async (address, now) =>
      (await readFailures(read, { addresses: [address.value], now }))(address.value),
  };
}
