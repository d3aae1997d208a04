import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { onStage } from "./harness/gateway.ts";
import { createServers, type Servers } from "./harness/servers.ts";
import { type Mutated, mutateAll } from "./mutate.ts";
import { type Played, play, today, toText } from "./play.ts";
import { toReport } from "./report.ts";
import { ENGINES, type Engine, type Row, type Size, sabotagedEngines } from "./row.ts";
import { ROWS } from "./rows.ts";

const HELP = `Proves what the gateway promises, over HTTP, against real processes on each engine: one on a SQLite file, several on
PostgreSQL, several on PostgreSQL and Redis. PostgreSQL and Redis are started here and end with the run.

Usage: npm run prove [-- <options>]

  --full              the size that each target names, minutes instead of seconds
  --only <rows>       these rows alone, with commas between them
  --engine <engines>  these engines alone: ${ENGINES.join(",")}
  --mutate            also applies the sabotage of each row to a copy of the product, one at a time: that row must turn
                      red on each engine where the sabotage is felt, and no other (of those without faults) on the first of them
  --report <file>     writes what was measured as Markdown
  --results <file>    writes what was measured as JSON
  --with <files>      takes over the rows and sabotages of earlier runs (their --results), with commas between them, where
                      this run has none
  --none              plays nothing: for a report of earlier runs alone
  --list              names the rows, their engines and their targets
  --help              this text

Examples:
  npm run prove                                     every row, small, on all its engines
  npm run prove -- --only S-01,S-02 --full          two rows at full size
  npm run prove -- --engine postgres,sqlite         without Redis
  npm run prove -- --mutate                         are the rows able to fail?
  npm run prove -- --full --report docs/proof.md    the report of a release
  npm run prove -- --none --with a.json,b.json --report docs/proof.md   the same from runs on several evenings

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

function chooseEngines(given: string | undefined): readonly Engine[] {
  if (given === undefined) return ENGINES;
  const names = given.toLowerCase().split(",");
  const unknown = names.filter((name) => !ENGINES.some((engine) => engine === name));
  if (unknown.length > 0) throw new Error(`no engine is called ${unknown.join(", ")}; there are ${ENGINES.join(", ")}`);
  return ENGINES.filter((engine) => names.includes(engine));
}

function sayTable(played: readonly Played[]): void {
  for (const engine of ENGINES) {
    const here = played.filter((each) => each.engine === engine);
    if (here.length > 0) say(`\n${engine}`);
    for (const { id, isGreen, seconds, figures, problem } of here) {
      const time = `${seconds.toFixed(1)} s`.padStart(8);
      say(`${id.padEnd(5)}  ${isGreen ? "green" : "RED  "} ${time}  ${isGreen ? toText(figures) : problem}`);
    }
  }
}

const isAsExpected = ({ problem }: Mutated): boolean => problem === null;

interface RunOptions {
  readonly rows: readonly Row[];
  readonly engines: readonly Engine[];
  readonly size: Size;
  readonly isMutating: boolean;
  readonly reportFile: string | undefined;
  readonly resultsFile: string | undefined;
  readonly earlier: readonly Results[];
}

/** What a run leaves for another one. */
interface Results {
  readonly played: readonly Played[];
  readonly mutated: readonly Mutated[];
}

const readResults = (file: string): Results => JSON.parse(readFileSync(file, "utf8")) as Results;

/** The rows of this run, and those of earlier ones that it does not have; the later file wins. */
function merge(now: Results, earlier: readonly Results[]): Results {
  const newestFirst = [now, ...earlier.toReversed()];
  const firstOf = <Entry>(entries: readonly Entry[], keyOf: (entry: Entry) => string): readonly Entry[] => [
    ...new Map(entries.toReversed().map((entry) => [keyOf(entry), entry])).values(),
  ];
  return {
    played: firstOf(
      newestFirst.flatMap((results) => results.played),
      ({ id, engine }) => `${id} ${engine}`,
    ),
    mutated: firstOf(
      newestFirst.flatMap((results) => results.mutated),
      ({ id }) => id,
    ),
  };
}

async function prove(options: RunOptions, servers: Servers): Promise<boolean> {
  const { rows, engines, size, isMutating, reportFile, resultsFile, earlier } = options;
  const keep = (results: Results): void => {
    if (resultsFile !== undefined) writeFileSync(resultsFile, JSON.stringify(results));
  };
  const played = await play({
    rows,
    engines,
    size,
    servers,
    say,
    keep: (soFar) => keep({ played: soFar, mutated: [] }),
  });
  const sabotaged = rows.filter((row) => sabotagedEngines(row).some((engine) => engines.includes(engine)));
  const mutated = isMutating ? await mutateAll(sabotaged, ROWS, say) : null;
  sayTable(played);
  const results: Results = { played, mutated: mutated ?? [] };
  keep(results);
  if (reportFile !== undefined) {
    const fsyncMs = await onStage({ engine: "sqlite", servers }, async (stage) => stage.fsyncMs());
    const all = merge(results, earlier);
    const tried = all.mutated.length === 0 ? null : all.mutated;
    writeFileSync(reportFile, toReport({ rows: ROWS, played: all.played, mutated: tried, fsyncMs, date: today() }));
  }
  const green = played.filter(({ isGreen }) => isGreen).length;
  const seen = mutated === null ? "" : `, ${mutated.filter(isAsExpected).length} of ${mutated.length} sabotages seen`;
  say(`\n${green} of ${played.length} green${seen}`);
  return green === played.length && (mutated?.every(isAsExpected) ?? true);
}

async function run(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      full: { type: "boolean", default: false },
      only: { type: "string" },
      engine: { type: "string" },
      mutate: { type: "boolean", default: false },
      report: { type: "string" },
      results: { type: "string" },
      with: { type: "string" },
      none: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return true;
  }
  if (values.list) {
    for (const { id, title, target, engines } of ROWS)
      say(`${id}  ${title}\n      ${target}\n      ${engines.join(", ")}`);
    return true;
  }
  const options: RunOptions = {
    rows: values.none ? [] : choose(values.only),
    engines: chooseEngines(values.engine),
    size: values.full ? "full" : "small",
    isMutating: values.mutate,
    reportFile: values.report,
    resultsFile: values.results,
    earlier: (values.with?.split(",") ?? []).map(readResults),
  };
  const servers = createServers();
  try {
    return await prove(options, servers);
  } finally {
    await servers.stop();
  }
}

try {
  // Whatever a red row may have left open.
  process.exit((await run(process.argv.slice(2))) ? 0 : 1);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(2);
}
