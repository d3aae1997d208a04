import { type Check, type Finding, fail, ok, type SecretsFile, warn } from "./machine.ts";

const MIN_SECRET_CHARS = 32;
/** Above these, each commit holds up the event loop for longer than a request should take. */
const SLOW_FSYNC_MS = 2;
const UNUSABLE_FSYNC_MS = 50;
/** No machine that runs this version can honestly be earlier. */
const EARLIEST_MS = Date.UTC(2026, 0, 1);
const CLOCK_LEEWAY_MS = 60_000;

const judgeFile = (file: SecretsFile): Finding => {
  switch (file.kind) {
    case "broken":
      return fail(`${file.path} ${file.problem}`, `mend or delete ${file.path}`);
    case "exposed": {
      const advice = `chmod 600 ${file.path}; where others may have looked, delete it and the next start makes a new one`;
      return fail(`${file.path} has mode ${file.mode}: others can read it`, advice);
    }
    case "absent":
      return ok(`the first start makes ${file.path}`);
    case "private":
      return ok(`${file.path} is private`);
    case "unused":
      return ok("all are given by variable");
  }
};

const secrets: Check = {
  id: "secrets",
  title: "secrets are there, strong and private",
  look: ({ settings, secretsFile }) => {
    const judged = judgeFile(secretsFile());
    const weak = settings.givenSecrets.filter(({ chars }) => chars < MIN_SECRET_CHARS).map(({ name }) => name);
    if (judged.state !== "ok" || weak.length === 0) return judged;
    const advice = "make one with: openssl rand -base64 48 (production refuses short ones)";
    return warn(`${weak.join(" and ")}: fewer than ${MIN_SECRET_CHARS} characters`, advice);
  },
};

const store: Check = {
  id: "store",
  title: "the database opens and its schema is up to date",
  look: async ({ settings, openStore }) => {
    const opened = await openStore();
    return opened.kind === "done"
      ? ok(`${settings.database} is up to date`)
      : fail(`${settings.database}: ${opened.problem}`, "check DATABASE_URL, and who may open what it names");
  },
};

const disk: Check = {
  id: "disk",
  title: "the disk takes writes, and quickly",
  look: ({ measureFsyncMs }) => {
    const measured = measureFsyncMs();
    if (measured.kind === "failed") {
      return fail(
        `nothing can be written: ${measured.problem}`,
        "check the rights of the database's folder, and free space",
      );
    }
    if (measured.value === null) return ok("the database has one of its own");
    const detail = `${measured.value.toFixed(2)} ms per commit`;
    const advice = "put the database on a faster disk: every answer waits for a commit";
    if (measured.value > UNUSABLE_FSYNC_MS) return fail(`${detail}, far too slow`, advice);
    return measured.value > SLOW_FSYNC_MS ? warn(`${detail}, slow`, advice) : ok(detail);
  },
};

const limiter: Check = {
  id: "limiter",
  title: "the limiter counts",
  look: async ({ askLimiter }) => {
    const asked = await askLimiter();
    if (asked === null) return ok("the database keeps the counters");
    if (asked.kind === "done") return ok("Redis counts");
    const advice = "check REDIS_URL, and that Redis is a primary with free memory; until then nothing is sent";
    return fail(`Redis cannot count: ${asked.problem}`, advice);
  },
};

const server: Check = {
  id: "server",
  title: "nobody else serves the database",
  look: ({ servedBy }) => {
    const holder = servedBy();
    if (holder === null) return ok("nobody serves it now");
    return {
      state: "info",
      detail: `served by ${holder}`,
      advice: "stop that one before you start another on this file",
    };
  },
};

const clock: Check = {
  id: "clock",
  title: "the clock is right",
  look: ({ now, lastWriteAt }) => {
    const at = now();
    const advice = "switch time synchronisation on: timedatectl set-ntp true";
    if (at < EARLIEST_MS) return fail(`it says ${new Date(at).toISOString()}`, advice);
    const written = lastWriteAt();
    if (written !== null && written > at + CLOCK_LEEWAY_MS) {
      const seconds = Math.round((written - at) / 1000);
      return fail(`the database was written ${seconds} s in the future: the clock was set back`, advice);
    }
    return ok(new Date(at).toISOString());
  },
};

/** What the machine itself must offer. */
export const MACHINE_CHECKS: readonly Check[] = [secrets, store, disk, limiter, server, clock];
