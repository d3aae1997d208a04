import type { DatabaseSync } from "node:sqlite";
import { FAILURE_WINDOW_MS, type FailureBudget } from "../../../domain/failures.ts";
import type { Verification } from "../../../domain/verification.ts";
import { prepare } from "./statement.ts";

/** The wrong guesses made on an address, and when it was last approved. */
export function createFailureReader(database: DatabaseSync): (address: string, now: number) => FailureBudget {
  const selectFailures = prepare<{ at: number }>(
    database,
    "select at from guesses where address = ? and at > ? order by at desc",
  );
  const selectApproved = prepare<{ at: number | null }>(
    database,
    "select max(ended_at) as at from verifications where address = ? and status = 'approved'",
  );
  return (address, now) => {
    const failures = selectFailures.all(address, now - 2 * FAILURE_WINDOW_MS).map((row) => row.at);
    // An approval only ends a wait, and without failures there is none.
    const approvedAt = failures.length === 0 ? null : (selectApproved.get(address)?.at ?? null);
    return { failures, approvedAt };
  };
}

export interface NewFailure {
  readonly verification: Verification;
  readonly attempt: number;
  readonly at: number;
}

/** Notes a wrong guess inside the step that compares it. `scope` tells a caller with a subject from a stranger. */
export function createFailureAppender(database: DatabaseSync): (failure: NewFailure) => void {
  const insert = prepare(
    database,
    "insert into guesses (address, at, verification_id, attempt, scope) values (?, ?, ?, ?, ?)",
  );
  return ({ verification, attempt, at }) => {
    const scope = verification.subject === "" ? "open" : "known";
    insert.run(verification.address.value, at, verification.id, attempt, scope);
  };
}
