import { LABELS } from "../report.ts";
import { toTable } from "../table.ts";
import type { CostGroup } from "./costs.ts";
import type { Span } from "./recording.ts";

const GROUPS_SHOWN = 22;
const FUNCTIONS_SHOWN = 8;
const SMALLEST_SHARE = 0.003;
const STATEMENTS_SHOWN = 20;
const STATEMENT_CHARS = 90;

function toStatementText({ statements }: Span): string {
  if (statements.length === 0) return "";
  const rows = statements
    .slice(0, STATEMENTS_SHOWN)
    .map(({ text, microseconds, calls, rows: count, walBytes, pages }) => [
      text.slice(0, STATEMENT_CHARS),
      microseconds.toFixed(1),
      calls.toFixed(3),
      count.toFixed(2),
      walBytes.toFixed(0),
      pages.toFixed(1),
    ]);
  const total = statements.reduce((sum, { microseconds }) => sum + microseconds, 0);
  return `PostgreSQL, all processes: ${total.toFixed(1)} µs per request in statements, waits included; parsing and commits are not
${toTable([["", "µs", "calls", "rows", "WAL bytes", "pages"], ...rows])}`;
}

/** Where the time of one operation went, the largest part first. */
export function toProfileText(span: Span, groups: readonly CostGroup[]): string {
  const { operation, requests } = span;
  const total = groups.reduce((sum, group) => sum + group.microseconds, 0);
  const share = (microseconds: number): string => `${((100 * microseconds) / total).toFixed(1)} %`;
  const perRequest = (microseconds: number): string => (microseconds / requests).toFixed(1);
  const rows = groups.slice(0, GROUPS_SHOWN).flatMap((group) => [
    [group.name, perRequest(group.microseconds), share(group.microseconds)],
    ...group.functions
      .slice(0, FUNCTIONS_SHOWN)
      .filter((cost) => cost.microseconds / total >= SMALLEST_SHARE)
      .map((cost) => [`   ${cost.name}`, perRequest(cost.microseconds), share(cost.microseconds)]),
  ]);
  return `\n${LABELS[operation]}: ${perRequest(total)} µs per request, profiler and waits for the disk (in commit) included\n${toTable([["", "µs", ""], ...rows])}${toStatementText(span)}`;
}
