/**
 * The most instants that any span of time holds.
 *
 * @param instants in order
 */
export function mostWithin(spanMs: number, instants: readonly number[]): number {
  let most = 0;
  let first = 0;
  instants.forEach((at, last) => {
    while (at - (instants[first] ?? at) >= spanMs) first++;
    most = Math.max(most, last - first + 1);
  });
  return most;
}
