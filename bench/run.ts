import { readdirSync, readFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { measureFsyncMs } from "../packages/gateway/src/adapters/stores/sqlite/fsync.ts";
import { measureRound, type Round, recordProfile, type Settings, startEcho } from "./measure.ts";
import { canPin, LOAD_CORE, pin } from "./pin.ts";
import { groupCosts } from "./profile.ts";
import { type Machine, summarize, toProfileText, toText } from "./report.ts";

const HELP = `Measures the gateway beside a bare Fastify server that echoes the same bodies, read against the same shapes.

Usage: npm run bench [-- options]

  npm run bench                                five rounds, about three minutes
  npm run bench -- --quick                     one small round: does it still work?
  npm run bench -- --json > bench.json         every round and the medians, as JSON
  npm run bench -- --profile                   where the time of each operation goes
  npm run bench -- --rounds 9 --connections 8

Options
  --rounds <n>         rounds (5)
  --connections <n>    connections at once (64)
  --requests <n>       requests per operation and round, at most 10000 (10000)
  --quick              one round of 1500 requests
  --profile            one profiled run instead of the rounds: self time by part, per request
  --json               JSON on the standard output
  --help               this text

Each round starts the gateway of npm start on a new SQLite database (synchronous=FULL, a folder of TMPDIR) with every limit on;
those that all numbers share are raised. Sends go to numbers of their own, checks carry the right codes, no proof is asked
for on surface B. Progress goes to the standard error. Linux only: CPU time and memory are read from /proc.
`;

const WARM_UP = 10_000;
const QUICK_REQUESTS = 1_500;
const QUICK_WARM_UP = 1_000;
/** As many messages as the inbox keeps; there the codes are read. */
const MAX_REQUESTS = 10_000;

interface Options {
  readonly settings: Settings;
  readonly isJson: boolean;
  readonly isProfile: boolean;
}

function toCount(name: string, text: string, max = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new TypeError(`--${name} must be a whole number from 1${max === Number.MAX_SAFE_INTEGER ? "" : ` to ${max}`}`);
}

/** @returns null when only the help is asked for */
function readOptions(args: string[]): Options | null {
  const { values } = parseArgs({
    args,
    options: {
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
  const { quick } = values;
  return {
    settings: {
      rounds: toCount("rounds", values.rounds ?? (quick ? "1" : "5")),
      connections: toCount("connections", values.connections),
      requests: toCount("requests", values.requests ?? String(quick ? QUICK_REQUESTS : MAX_REQUESTS), MAX_REQUESTS),
      warmUp: quick ? QUICK_WARM_UP : WARM_UP,
    },
    isJson: values.json,
    isProfile: values.profile,
  };
}

const progress = (line: string): void => void process.stderr.write(`${line}\n`);
const print = (text: string): void => void process.stdout.write(text);

async function measureRounds(settings: Settings): Promise<readonly Round[]> {
  const echo = await startEcho(settings);
  const rounds: Round[] = [];
  try {
    for (let number = 1; number <= settings.rounds; number++) {
      rounds.push(await measureRound(number, echo, { settings, progress }));
    }
  } finally {
    await echo.stop();
  }
  return rounds;
}

function readProfile(folder: string): string {
  const file = readdirSync(folder).find((name) => name.endsWith(".cpuprofile"));
  if (file === undefined) throw new Error("the gateway wrote no profile");
  return readFileSync(join(folder, file), "utf8");
}

async function profile({ settings, isJson }: Options): Promise<void> {
  progress("profiling: send, check, open send, open verify");
  const recorded = await recordProfile(settings, readProfile);
  const parts = recorded.spans.map((span) => ({ span, groups: groupCosts(recorded.profile, span) }));
  if (isJson) {
    const found = parts.map(({ span: { operation, requests }, groups }) => ({ operation, requests, groups }));
    print(`${JSON.stringify(found, null, 2)}\n`);
  } else {
    for (const { span, groups } of parts) print(toProfileText(span, groups));
  }
}

async function bench({ settings, isJson }: Options): Promise<void> {
  const machine: Machine = {
    node: process.versions.node,
    cpu: cpus()[0]?.model ?? "unknown processor",
    cores: cpus().length,
    fsyncMs: measureFsyncMs(tmpdir()),
    isPinned: canPin,
  };
  const rounds = await measureRounds(settings);
  const medians = summarize(rounds);
  if (isJson) print(`${JSON.stringify({ machine, settings, medians, rounds }, null, 2)}\n`);
  else print(toText(medians, settings, machine));
}

async function run(args: string[]): Promise<void> {
  const options = readOptions(args);
  if (options === null) {
    print(HELP);
    return;
  }
  if (process.platform !== "linux") throw new TypeError("the benchmark reads /proc and runs on Linux only");
  pin(process.pid, LOAD_CORE);
  await (options.isProfile ? profile(options) : bench(options));
}

run(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(error instanceof TypeError ? `${error.message}\n` : `${String(error)}\n`);
  process.exit(1);
});
