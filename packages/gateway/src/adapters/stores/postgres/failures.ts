import { FAILURE_WINDOW_MS, type FailureBudget } from "../../../domain/failures.ts";
import type { ReadRows, Statement } from "./transaction.ts";

/**
 * An approval only ends a wait, and without failures there is none: only addresses with failures come back.
 *
 * Each address is looked up by itself: grouped in one go, the planner walks through the guesses of everybody.
 */
const READ: Statement = {
  name: "read_failures",
  text: `select a.address, g.failures,
      (select max(v.ended_at) from verifications v where v.address = a.address and v.status = 'approved') as "approvedAt"
    from (select unnest($1::text[]) as address
        union select v.address from verifications v where v.id = any($2::text[])) as a
      cross join lateral (select array_agg(g.at order by g.at desc) as failures
        from guesses g where g.address = a.address and g.at > $3) as g
    where g.failures is not null`,
};

const NONE: FailureBudget = { failures: [], approvedAt: null };

interface FailureRow {
  readonly address: string;
  readonly failures: readonly number[];
  readonly approvedAt: number | null;
}

export interface FailureQuery {
  readonly addresses: readonly string[];
  /** Verifications whose addresses are meant too. */
  readonly ids?: readonly string[];
  readonly now: number;
}

/** The wrong guesses made on addresses, and when each was last approved. */
export async function readFailures(
  read: ReadRows,
  { addresses, ids = [], now }: FailureQuery,
): Promise<(address: string) => FailureBudget> {
  const rows = await read<FailureRow>(READ, [addresses, ids, now - 2 * FAILURE_WINDOW_MS]);
  const budgets = new Map(
    rows.map((row) => [row.address, { failures: row.failures.map(Number), approvedAt: row.approvedAt }]),
  );
  return (address) => budgets.get(address) ?? NONE;
}
