import type { DatabaseSync } from "node:sqlite";
import { FAILURE_WINDOW_MS, type FailureBudget } from "../../../domain/failures.ts";
import type { Verification } from "../../../domain/verification.ts";
import { prepare } from "./statement.ts";

interface GuessRow {
  readonly at: number;
  readonly matched: number;
}

/** The guesses made on an address, right and wrong. */
export function createGuessReader(database: DatabaseSync): (address: string, now: number) => FailureBudget {
  const select = prepare<GuessRow>(
    database,
    "select at, matched from guesses where address = ? and at > ? order by at desc",
  );
  return (address, now) => {
    const rows = select.all(address, now - 2 * FAILURE_WINDOW_MS);
    return {
      failures: rows.filter((row) => row.matched === 0).map((row) => row.at),
      approvedAt: rows.find((row) => row.matched === 1)?.at ?? null,
    };
  };
}

export interface NewGuess {
  readonly verification: Verification;
  readonly attempt: number;
  readonly matched: boolean;
  readonly at: number;
}

/** Notes a guess inside the step that compares it. `scope` tells a caller with a subject from a stranger. */
export function createGuessAppender(database: DatabaseSync): (guess: NewGuess) => void {
  const insert = prepare(
    database,
    "insert into guesses (address, at, verification_id, attempt, scope, matched) values (?, ?, ?, ?, ?, ?)",
  );
  return ({ verification, attempt, matched, at }) => {
    const scope = verification.subject === "" ? "open" : "known";
    insert.run(verification.address.value, at, verification.id, attempt, scope, matched ? 1 : 0);
  };
}
