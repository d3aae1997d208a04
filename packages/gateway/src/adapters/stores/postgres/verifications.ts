import type { MessageState } from "@mestore/sms-gateway-contract";
import type { CheckOutcome } from "../../../domain/check.ts";
import type { RejectionCode } from "../../../domain/delivery.ts";
import {
  type Address,
  isLive,
  statusAt,
  type Verification,
  type VerificationScope,
} from "../../../domain/verification.ts";
import type {
  AddressState,
  CheckStep,
  DueFallback,
  StartOutcome,
  StartStep,
  VerificationStore,
} from "../../../ports/verification-store.ts";
import { runChecks, targetKey } from "./checks.ts";
import { toVerification, VERIFICATION_COLUMNS, type VerificationRow } from "./columns.ts";
import type { Pools } from "./connection.ts";
import { insertEvents } from "./events.ts";
import { readFailures } from "./failures.ts";
import { type CreateGroup, eachItsOwn } from "./group.ts";
import { addressLock } from "./locks.ts";
import type { Slices } from "./slices.ts";
import { NEWEST, runStarts, toColumns } from "./starts.ts";
import { assertStorable } from "./storable.ts";
import { inTransaction, type ReadRows, readTogether, rowsOf, type Statement } from "./transaction.ts";

const BY_ID: Statement = {
  name: "verification_by_id",
  text: `select ${VERIFICATION_COLUMNS} from verifications v where v.id = $1 and v.tenant = $2`,
};
/** With the message of its last send. */
const STATES: Statement = {
  name: "address_states",
  text: `select v.*, m.state as "messageState", m.error_code as "messageErrorCode"
    from (${NEWEST.text}) v left join messages m on m.id = v."lastMessageId"`,
};
const CANCEL: Statement = {
  name: "cancel_verification",
  text: "update verifications set status = 'canceled', ended_at = $2 where id = $1 and status = 'pending'",
};

const FALLBACKS: Statement = {
  name: "due_fallbacks",
  text: "select tenant, id from verifications where fallback_at <= $1 and fallback_at is not null order by fallback_at limit $2",
};
const END_FALLBACK: Statement = {
  name: "end_fallback",
  text: `update verifications set fallback = '', fallback_at = null where id = $1 and tenant = $2 and fallback_at is not null
    returning id`,
};

interface StateQuery extends VerificationScope {
  readonly address: Address;
  readonly now: number;
}

interface StateRow extends VerificationRow {
  readonly i: number;
  readonly messageState: MessageState | null;
  readonly messageErrorCode: RejectionCode | null;
}

const toState = ({ i: _, messageState, messageErrorCode, ...row }: StateRow): Omit<AddressState, "failures"> => ({
  latest: toVerification(row),
  lastMessage: messageState === null ? null : { state: messageState, errorCode: messageErrorCode },
});

async function readStates(rows: ReadRows, queries: readonly StateQuery[]) {
  const [found, failuresOf] = await Promise.all([
    rows<StateRow>(STATES, toColumns(queries)),
    readFailures(rows, {
      addresses: queries.map(({ address }) => address.value),
      now: Math.max(...queries.map(({ now }) => now)),
    }),
  ]);
  const states = new Map(found.map((row) => [row.i, toState(row)]));
  return queries.map(({ address }, index) => ({
    value: { ...(states.get(index + 1) ?? { latest: null, lastMessage: null }), failures: failuresOf(address.value) },
  }));
}

interface Parts {
  readonly pools: Pools;
  readonly slices: Slices;
  readonly group: CreateGroup;
  /** For what is read and not written. */
  readonly gather: CreateGroup;
}

export function createVerifications({ pools, slices, group, gather }: Parts): VerificationStore {
  const read: ReadRows = (statement, values) => rowsOf(pools.read, statement, values);
  const starts = group<StartStep, StartOutcome>({
    keyOf: ({ address }) => address.value,
    run: (steps) => runStarts(pools.work, slices, steps),
  });
  const checks = group<CheckStep, CheckOutcome>({
    keyOf: targetKey,
    run: (steps) => runChecks(pools.verify, steps),
  });

  const states = gather<StateQuery, AddressState>({
    keyOf: eachItsOwn(),
    run: (queries) => readTogether(pools.read, (rows) => readStates(rows, queries)),
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
    listFallbacks: (until, limit) => read<DueFallback>(FALLBACKS, [until, limit]),
    endFallback: ({ tenant, id }, reason, now) =>
      inTransaction(pools.work, async (transaction) => {
        const ended = await transaction.rows(END_FALLBACK, [id, tenant]);
        const event = { at: now, tenant, type: "verification.fallback_ended", entityId: id, data: { reason } };
        if (ended.length > 0) insertEvents(transaction, [event]);
        await transaction.commit();
      }),
    readVerification: async (tenant, id) => {
      const [row] = await read<VerificationRow>(BY_ID, [id, tenant]);
      return row === undefined ? null : toVerification(row);
    },
    readAddressState: (scope, address, now) => states.run({ ...scope, address, now }),
    readFailures: async (address, now) =>
      (await readFailures(read, { addresses: [address.value], now }))(address.value),
  };
}
