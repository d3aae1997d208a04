import { setTimeout as sleep } from "node:timers/promises";
import { readDevelopmentKey } from "./engines/gateway.ts";
import { createServers, type Home } from "./engines/servers.ts";
import { portsOf } from "./engines/setups.ts";
import { type Member, startCluster, stopCluster } from "./soak/cluster.ts";
import { type Driver, driveClosed, driveOpen, followInbox } from "./soak/drivers.ts";
import { CODE_SHARE, createMix } from "./soak/mix.ts";
import { HELP, type Options, readOptions } from "./soak/options.ts";
import { createPool } from "./soak/pool.ts";
import { type SoakReport, toText } from "./soak/report.ts";
import { type Sample, takeSample } from "./soak/samples.ts";
import { createTally, type Tally } from "./soak/tally.ts";
import { judge } from "./soak/verdict.ts";

const CONCURRENCY = 64;
const WARM_UP_MS = 5_000;
const CAPACITY_MS = 10_000;
const REST_MS = 3_000;
const SAMPLE_EVERY_MS = 10_000;
const PROGRESS_EVERY_SAMPLES = 3;
const MINUTE_MS = 60_000;
/** The most codes that all numbers together may be sent in an hour, less what measuring the capacity takes. */
const CODES_PER_HOUR = 900_000;

const progress = (line: string): void => void process.stderr.write(`${line}\n`);

/** Half of what 64 requests at once reach, and no more than the counter of all codes lets through. */
async function findRate(
  driver: Driver,
  minutes: number,
): Promise<{ readonly capacity: number; readonly rate: number }> {
  progress("measuring the capacity");
  await driveClosed(driver, CONCURRENCY, WARM_UP_MS);
  const capacity = await driveClosed(driver, CONCURRENCY, CAPACITY_MS);
  await sleep(REST_MS);
  const most = CODES_PER_HOUR / CODE_SHARE / (Math.min(60, minutes) * 60);
  return { capacity, rate: Math.min(capacity / 2, most) };
}

function sayProgress({ atMs, members, queue, connections, redisMegabytes }: Sample, tally: Tally): void {
  const memory = Object.entries(members).map(([name, { rssMegabytes }]) => `${name} ${Math.round(rssMegabytes)} MB`);
  const errors = Object.values(tally.errors()).reduce((sum, value) => sum + value, 0);
  const p99 = tally.minutes.at(-1)?.p99Ms.toFixed(0) ?? "-";
  const sizes = [
    `${queue} unsent`,
    ...(connections === null ? [] : [`${connections} connections`]),
    ...(redisMegabytes === null ? [] : [`Redis ${Math.round(redisMegabytes)} MB`]),
  ];
  const seconds = Math.round(atMs / 1000);
  progress(
    `${seconds} s: ${tally.requests()} requests, p99 ${p99} ms, ${errors} errors; ${[...memory, ...sizes].join(", ")}`,
  );
}

interface Watch {
  readonly members: readonly Member[];
  readonly home: Home;
  readonly tally: Tally;
  readonly signal: AbortSignal;
}

/** Samples every ten seconds until the signal. */
async function watch({ members, home, tally, signal }: Watch): Promise<readonly Sample[]> {
  const startedAt = performance.now();
  const samples: Sample[] = [];
  while (!signal.aborted) {
    const sample = await takeSample(members, home, performance.now() - startedAt);
    samples.push(sample);
    tally.closeMinutes();
    if (samples.length % PROGRESS_EVERY_SAMPLES === 0) sayProgress(sample, tally);
    await sleep(SAMPLE_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
  return samples;
}

async function soakAt(home: Home, options: Options): Promise<SoakReport> {
  const { minutes, engine } = options;
  let tally = createTally();
  const members = await startCluster(engine, home, (name, said) => tally.complain(`${name} complains`, said));
  const pool = createPool(portsOf(members.filter(({ answers }) => answers)));
  const over = new AbortController();
  const mix = createMix(readDevelopmentKey(home));
  const following = followInbox(home.inbox, mix, over.signal);
  try {
    const found = options.ratePerSecond === null ? await findRate({ pool, mix, tally }, minutes) : null;
    const ratePerSecond = found?.rate ?? options.ratePerSecond ?? 0;
    // What went wrong so far counts too; how long it took does not.
    const before = tally;
    tally = createTally();
    for (const example of before.examples) tally.complain("while measuring the capacity", example);
    progress(`${minutes} minutes at ${Math.round(ratePerSecond)} requests a second`);
    const watching = watch({ members, home, tally, signal: over.signal });
    const driving = driveOpen({ pool, mix, tally }, ratePerSecond, minutes * MINUTE_MS).finally(() => over.abort());
    const [samples] = await Promise.all([watching, driving, following]);
    tally.closeMinutes(true);
    const verdict = judge(samples, tally);
    return { minutes, engine, capacityPerSecond: found?.capacity ?? null, ratePerSecond, samples, tally, verdict };
  } finally {
    over.abort();
    await Promise.allSettled([following]);
    pool.close();
    await stopCluster(members);
  }
}

async function soak(options: Options): Promise<SoakReport> {
  const servers = createServers();
  try {
    const home = await servers.makeHome(options.engine);
    try {
      return await soakAt(home, options);
    } finally {
      await home.remove();
    }
  } finally {
    await servers.stop();
  }
}

function toJson({ tally, ...report }: SoakReport): string {
  const { minutes: byMinute, examples } = tally;
  const counts = { requests: tally.kinds(), errors: tally.errors(), byMinute, examples };
  return `${JSON.stringify({ ...report, ...counts }, null, 2)}\n`;
}

async function run(args: string[]): Promise<void> {
  const options = readOptions(args);
  if (options === null) {
    process.stdout.write(HELP);
    return;
  }
  if (process.platform !== "linux") throw new TypeError("the soak reads /proc and runs on Linux only");
  const report = await soak(options);
  process.stdout.write(options.isJson ? toJson(report) : toText(report));
  process.exitCode = report.verdict.problems.length === 0 ? 0 : 1;
}

run(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(error instanceof TypeError ? `${error.message}\n` : `${String(error)}\n`);
  process.exit(1);
});
