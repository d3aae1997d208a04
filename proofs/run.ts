import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { onStage } from "./harness/gateway.ts";
import { type Mutated, mutateAll } from "./mutate.ts";
import { type Played, play, toText } from "./play.ts";
import { toReport } from "./report.ts";
import type { Row } from "./row.ts";
import { ROWS } from "./rows.ts";

const HELP = `Proves what the gateway promises, over HTTP, against a real process on SQLite.

Usage: npm run prove [-- <options>]

  --full            the size that each target names, minutes instead of seconds
  --only <rows>     these rows alone, with commas between them
  --mutate          also applies the sabotage of each row to a copy of the product, one at a time, and plays every
                    row on it: that row must turn red, and no other
  --report <file>   writes what was measured as Markdown
  --results <file>  writes what was measured as JSON
  --list            names the rows and their targets
  --help            this text

Examples:
  npm run prove                                     every row, small
  npm run prove -- --only S-01,S-02 --full          two rows at full size
  npm run prove -- --mutate                         are the rows able to fail?
  npm run prove -- --full --report docs/proof.md    the report of a release

The exit code is 0 when every row is green and every sabotage was seen.
`;

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

function choose(only: string | undefined): readonly Row[] {
  if (only === undefined) return ROWS;
  const ids = only.toUpperCase().split(",");
  const unknown = ids.filter((id) => !ROWS.some((row) => row.id === id));
  if (unknown.length > 0) throw new Error(`no row is called ${unknown.join(", ")}; see --list`);
  return ROWS.filter(({ id }) => ids.includes(id));
}

function sayTable(played: readonly Played[]): void {
  say("");
  for (const { id, isGreen, seconds, figures, problem } of played) {
    const time = `${seconds.toFixed(1)} s`.padStart(8);
    say(`${id}  ${isGreen ? "green" : "RED  "} ${time}  ${isGreen ? toText(figures) : problem}`);
  }
}

const isAsExpected = ({ problem }: Mutated): boolean => problem === null;

async function run(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      full: { type: "boolean", default: false },
      only: { type: "string" },
      mutate: { type: "boolean", default: false },
      report: { type: "string" },
      results: { type: "string" },
      list: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return true;
  }
  if (values.list) {
    for (const { id, title, target } of ROWS) say(`${id}  ${title}\n      ${target}`);
    return true;
  }
  const rows = choose(values.only);
  const size = values.full ? "full" : "small";
  const played = await play(rows, size, say);
  const mutated = values.mutate ? await mutateAll(rows, say) : null;
  sayTable(played);
  if (values.results !== undefined) writeFileSync(values.results, JSON.stringify(played));
  if (values.report !== undefined) {
    const fsyncMs = await onStage({}, async (stage) => stage.fsyncMs());
    const date = new Date().toISOString().slice(0, 10);
    writeFileSync(values.report, toReport({ rows, played, mutated, size, fsyncMs, date }));
  }
  const green = played.filter(({ isGreen }) => isGreen).length;
  const seen = mutated === null ? "" : `, ${mutated.filter(isAsExpected).length} of ${mutated.length} sabotages seen`;
  say(`\n${green} of ${played.length} rows green${seen}`);
  return green === played.length && (mutated?.every(isAsExpected) ?? true);
}

try {
  process.exitCode = (await run(process.argv.slice(2))) ? 0 : 1;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
