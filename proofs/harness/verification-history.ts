import assert from "node:assert/strict";

/** What one answered request said of one verification. */
export type Said =
  | { readonly kind: "started"; readonly expiresAt: number; readonly remaining: number }
  | { readonly kind: "approved"; readonly remaining: number }
  | { readonly kind: "incorrect"; readonly remaining: number }
  | { readonly kind: "exhausted" }
  | { readonly kind: "canceled" }
  /** Nothing was compared: it has ended, waits, or does not exist. */
  | { readonly kind: "refused" };

/** One request on one verification, between two instants of the machine's clock. */
export interface Event {
  readonly askedAt: number;
  readonly answeredAt: number;
  readonly said: Said;
}

/** Everything that is known of one verification. */
export interface History {
  readonly id: string;
  readonly events: readonly Event[];
  /** Guesses whose answer never came: they may have been compared. */
  readonly unanswered: number;
  /** The first answer that named another live verification of the same address was given at this instant. */
  readonly supersededAt: number | null;
}

const MAX_ATTEMPTS = 5;
/** A process knows the time of the database as exactly as the way there and back was short. */
const CLOCK_TOLERANCE_MS = 500;

const isCompared = ({ said: { kind } }: Event): boolean =>
  kind === "approved" || kind === "incorrect" || kind === "exhausted";

const remainingOf = ({ said }: Event): number | null =>
  said.kind === "exhausted" ? 0 : "remaining" in said ? said.remaining : null;

/**
 * Holds a history against what one verification may do, whatever happened meanwhile: two events are in order when the
 * first was answered before the second was asked.
 *
 * @returns guesses that were certainly compared
 * @throws an assertion error that names the verification
 */
export function assertLegal({ id, events, supersededAt }: History): number {
  const compared = events.filter(isCompared);
  const approved = events.filter(({ said }) => said.kind === "approved");
  assert.ok(approved.length <= 1, `${id}: ${approved.length} successes`);
  assert.ok(compared.length <= MAX_ATTEMPTS, `${id}: ${compared.length} guesses compared`);
  const remaining = compared.map(remainingOf);
  assert.equal(new Set(remaining).size, remaining.length, `${id}: two guesses took the same attempt: ${remaining}`);

  const ends = events.filter(({ said: { kind } }) => ["approved", "exhausted", "canceled"].includes(kind));
  const firstEnd = Math.min(...ends.map(({ answeredAt }) => answeredAt), supersededAt ?? Number.POSITIVE_INFINITY);
  const late = compared.filter(({ askedAt }) => askedAt > firstEnd);
  assert.deepEqual(late, [], `${id}: compared after it had ended`);
  const expiresAt = Math.min(...events.flatMap(({ said }) => (said.kind === "started" ? [said.expiresAt] : [])));
  const overdue = compared.filter(({ askedAt }) => askedAt > expiresAt + CLOCK_TOLERANCE_MS);
  assert.deepEqual(overdue, [], `${id}: compared after its life`);

  const told = events.filter((event) => remainingOf(event) !== null);
  for (const before of told) {
    for (const after of told) {
      if (before.answeredAt >= after.askedAt) continue;
      const [first, second] = [remainingOf(before) ?? 0, remainingOf(after) ?? 0];
      const least = isCompared(after) ? 1 : 0;
      assert.ok(first - second >= least, `${id}: ${first} attempts remained, then ${second}`);
    }
  }
  return compared.length;
}
