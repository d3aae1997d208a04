import { execFileSync } from "node:child_process";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { measureFsyncMs } from "../packages/gateway/src/adapters/stores/sqlite/fsync.ts";
import { findPostgresPrograms } from "../packages/gateway/test/servers/postgres-programs.ts";
import { LOAD_CORE, pin } from "./engines/pin.ts";
import { createServers, type Servers } from "./engines/servers.ts";
import { hasPostgres, type Setup } from "./engines/setups.ts";
import { startEcho } from "./measure.ts";
import { HELP, type Options, readOptions } from "./options.ts";
import { groupCosts } from "./profile/costs.ts";
import { recordProfile } from "./profile/recording.ts";
import { toProfileText } from "./profile/report.ts";
import { COUNTING } from "./profile/statement-costs.ts";
import { type Machine, toText } from "./report.ts";
import { measureSetup, type SetupRound } from "./round.ts";
import { summarize } from "./summary.ts";

const progress = (line: string): void => void process.stderr.write(`${line}\n`);
const print = (text: string): void => void process.stdout.write(text);

/** Every setup once in each round, there and back in turn, so that what changes on the machine meets them all alike. */
async function measureRounds({ setups, settings }: Options): Promise<readonly SetupRound[]> {
  const servers = createServers();
  const echo = await startEcho(settings);
  const rounds: SetupRound[] = [];
  try {
    for (let number = 1; number <= settings.rounds; number++) {
      for (const setup of number % 2 === 0 ? setups.toReversed() : setups) {
        rounds.push(await measureSetup(setup, { number, servers, echo, settings, progress }));
      }
    }
  } finally {
    await echo.stop();
    await servers.stop();
  }
  return rounds;
}

/** Statements are counted where PostgreSQL can do that; where it cannot, it does not start with the setting. */
async function withServers<Result>(setup: Setup, use: (servers: Servers) => Promise<Result>): Promise<Result> {
  let servers = createServers(COUNTING);
  try {
    if (hasPostgres(setup.engine)) {
      const canCount = await servers.makeHome(setup.engine).then(
        (home) => home.remove().then(() => true),
        () => false,
      );
      if (!canCount) servers = createServers();
    }
    return await use(servers);
  } finally {
    await servers.stop();
  }
}

async function profile({ setups, settings, isJson }: Options): Promise<void> {
  const [setup] = setups;
  if (setup === undefined) throw new Error("there is nothing to profile");
  progress("profiling: send, check, open send, open verify");
  const recorded = await withServers(setup, (servers) => recordProfile(setup, settings, servers));
  const parts = recorded.spans.map((span) => ({ span, groups: groupCosts(recorded.profile, span) }));
  if (isJson) {
    const found = parts.map(({ span: { operation, requests, statements }, groups }) => {
      return { operation, requests, groups, statements };
    });
    print(`${JSON.stringify(found, null, 2)}\n`);
  } else {
    for (const { span, groups } of parts) print(toProfileText(span, groups));
  }
}

/** What `postgres --version` says; null when there is none. */
function readPostgresVersion(): string | null {
  const programs = findPostgresPrograms();
  if (programs === undefined) return null;
  const said = execFileSync(join(programs, "postgres"), ["--version"], { encoding: "utf8" });
  return /\d[\d.]*/.exec(said)?.[0] ?? null;
}

async function bench(options: Options): Promise<void> {
  const { settings, setups, isJson } = options;
  const machine: Machine = {
    node: process.versions.node,
    cpu: cpus()[0]?.model ?? "unknown processor",
    cores: cpus().length,
    fsyncMs: measureFsyncMs(tmpdir()),
    postgres: setups.some(({ engine }) => hasPostgres(engine)) ? readPostgresVersion() : null,
  };
  const rounds = await measureRounds(options);
  const medians = setups.map((setup) =>
    summarize(
      setup,
      rounds.filter((round) => round.setup === setup),
    ),
  );
  if (isJson) print(`${JSON.stringify({ machine, settings, medians, rounds }, null, 2)}\n`);
  else print(toText(medians, { settings, machine }));
}

async function run(args: string[]): Promise<void> {
  const options = readOptions(args);
  if (options === null) {
    print(HELP);
    return;
  }
  if (process.platform !== "linux") throw new TypeError("the benchmark reads /proc and runs on Linux only");
  if (options.settings.isPinned) pin(process.pid, LOAD_CORE);
  await (options.isProfile ? profile(options) : bench(options));
}

run(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(error instanceof TypeError ? `${error.message}\n` : `${String(error)}\n`);
  process.exit(1);
});
