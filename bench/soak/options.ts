import { parseArgs } from "node:util";
import type { Engine } from "../engines/setups.ts";
import { toEngine } from "../options.ts";

export const HELP = `Runs the gateway under a constant load for a long time, and watches what grows.

Usage: npm run soak [-- options]

  npm run soak                                    half an hour on PostgreSQL and Redis
  npm run soak -- --minutes 1                     does it still work? Too short to judge memory
  npm run soak -- --engine sqlite --minutes 60
  npm run soak -- --rate 200 --json > soak.json   a rate of your own; every sample as JSON

Options
  --minutes <n>   how long (30)
  --engine <e>    sqlite, postgres or postgres+redis (postgres+redis)
  --rate <n>      requests per second; without it half of the capacity, measured for 15 seconds at the start
  --json          samples, minutes and verdict as JSON on the standard output
  --help          this text

Two API processes and a worker (with SQLite one process that is all of them) answer starts, resends, right and wrong guesses,
notifications with idempotency keys, some of them repeated, and reads, at instants that do not depend on the answers. Every ten
seconds memory, descriptors, handles and the lag of the event loop of each process are read, and the size of what keeps the data.
The report looks at the second half.

Ends with 1 when an answer was not the expected one, a process complained, the memory of a process grows by more than 16 bytes a
request beyond doubt (three standard errors), or its descriptors, its handles, or the queue of unsent messages grow.

Progress goes to the standard error. Linux only.
`;

export interface Options {
  readonly minutes: number;
  readonly engine: Engine;
  /** Null: half of the capacity. */
  readonly ratePerSecond: number | null;
  readonly isJson: boolean;
}

function toPositive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new TypeError(`--${name} must be a number above 0`);
}

/** @returns null when only the help is asked for */
export function readOptions(args: string[]): Options | null {
  const { values } = parseArgs({
    args,
    options: {
      minutes: { type: "string", default: "30" },
      engine: { type: "string", default: "postgres+redis" },
      rate: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return null;
  return {
    minutes: toPositive("minutes", values.minutes),
    engine: toEngine(values.engine),
    ratePerSecond: values.rate === undefined ? null : toPositive("rate", values.rate),
    isJson: values.json,
  };
}
