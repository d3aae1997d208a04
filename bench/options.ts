import { parseArgs } from "node:util";
import { canPin } from "./engines/pin.ts";
import { ENGINES, type Engine, hasPostgres, planSetups, type Setup } from "./engines/setups.ts";
import type { Settings } from "./measure.ts";

export const HELP = `Measures the gateway beside a bare Fastify server that echoes the same bodies, read against the same shapes.

Usage: npm run bench [-- options]

  npm run bench                                      every engine, five rounds, about twenty minutes
  npm run bench -- --engines sqlite                  the embedded engine alone, three minutes, a core for each side
  npm run bench -- --engines postgres,postgres+redis --processes 1,2,4
  npm run bench -- --quick                           one small round of everything: does it still work?
  npm run bench -- --json > bench.json               every round and the medians, as JSON
  npm run bench -- --profile --engines postgres+redis   where the time of each operation goes

Options
  --engines <list>     of sqlite, postgres, postgres+redis (all); --profile takes one (sqlite)
  --processes <list>   API processes with PostgreSQL (1,2); SQLite always has one; --profile takes one
  --rounds <n>         rounds (5)
  --connections <n>    connections at once, spread over the processes evenly (64)
  --requests <n>       requests per operation and round, at most 10000 (10000)
  --quick              one round of 1500 requests
  --profile            one profiled run instead of the rounds: self time of one API process by part, per request, and what
                       PostgreSQL's statements cost where it has pg_stat_statements
  --json               JSON on the standard output
  --help               this text

Each round starts the gateway of npm start on a new database (SQLite with synchronous=FULL in a folder of TMPDIR; PostgreSQL with
fsync and synchronous_commit on; an empty Redis), with every limit on; those that all numbers share are raised. The processes
that answer are "serve --role api" with PostgreSQL; no worker runs beside them. Sends go to numbers of their own, checks carry
the right codes, no proof is asked for on surface B. Each engine runs once more with every step in a commit of its own
("ungrouped": one process, send and check, a quarter of the requests).

With sqlite alone the gateway has one core and the load generator the other. As soon as another engine is asked for, all
processes of all setups, the echo and the load generator too, share all cores.

Progress goes to the standard error. Linux only: CPU time and memory are read from /proc.
`;

const WARM_UP = 10_000;
const QUICK_REQUESTS = 1_500;
const QUICK_WARM_UP = 1_000;
/** As many messages as the inbox keeps; there the codes are read. */
const MAX_REQUESTS = 10_000;
const MAX_PROCESSES = 16;

export interface Options {
  readonly settings: Settings;
  readonly setups: readonly Setup[];
  readonly isJson: boolean;
  readonly isProfile: boolean;
}

function toCount(name: string, text: string, max = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new TypeError(`--${name} must be a whole number from 1${max === Number.MAX_SAFE_INTEGER ? "" : ` to ${max}`}`);
}

/** @throws {TypeError} for a name that no engine has */
export function toEngine(name: string): Engine {
  const engine = ENGINES.find((each) => each === name);
  if (engine === undefined) throw new TypeError(`${name} is no engine; there are ${ENGINES.join(", ")}`);
  return engine;
}

function toProfiled(engines: readonly Engine[], processes: readonly number[]): readonly Setup[] {
  const [engine, ...others] = engines;
  const [count, ...counts] = processes;
  if (engine === undefined || count === undefined || others.length + counts.length > 0)
    throw new TypeError("--profile takes one engine and one number of processes");
  return [{ engine, processes: hasPostgres(engine) ? count : 1, isGrouped: true }];
}

/** @returns null when only the help is asked for */
export function readOptions(args: string[]): Options | null {
  const { values } = parseArgs({
    args,
    options: {
      engines: { type: "string" },
      processes: { type: "string" },
      rounds: { type: "string" },
      connections: { type: "string", default: "64" },
      requests: { type: "string" },
      quick: { type: "boolean", default: false },
      profile: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return null;
  const { quick, profile } = values;
  const engines = (values.engines ?? (profile ? "sqlite" : ENGINES.join())).split(",").map(toEngine);
  const processes = (values.processes ?? (profile ? "1" : "1,2"))
    .split(",")
    .map((count) => toCount("processes", count, MAX_PROCESSES));
  return {
    setups: profile ? toProfiled(engines, processes) : planSetups(engines, processes),
    settings: {
      rounds: toCount("rounds", values.rounds ?? (quick ? "1" : "5")),
      connections: toCount("connections", values.connections),
      requests: toCount("requests", values.requests ?? String(quick ? QUICK_REQUESTS : MAX_REQUESTS), MAX_REQUESTS),
      warmUp: quick ? QUICK_WARM_UP : WARM_UP,
      isPinned: canPin && !engines.some(hasPostgres),
    },
    isJson: values.json,
    isProfile: profile,
  };
}
