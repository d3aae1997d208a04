import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cluster, onCluster } from "../harness/cluster.ts";
import { createCodeSeeker, pause } from "../harness/cluster-load.ts";
import { NO_LIMITS, phoneAt, wrongCode } from "../harness/gateway.ts";
import { type Answer, type Ask, bearer, createAsk } from "../harness/http.ts";
import type { Figures, Row, RowOptions } from "../row.ts";

const LIFE_MS = 600_000;
const COOLDOWN_SECONDS = 60;
const PER_NUMBER = 3;
const HOUR_SECONDS = 3_600;
const BACK_MS = -600_000;
/** Seconds for the way of a request, and for the whole seconds of `Retry-After`. */
const SLACK_SECONDS = 5;
const LEEWAY_SECONDS = 60;
const RESET_EVERY_MS = 60_000;

/** The wall clocks of the hosts, as `faketime` writes them: the first two are a hair apart, the last is set while it runs. */
const WALL_CLOCKS = ["+0", "+5s", "+1h", "-1h", "+1d", "-1d"] as const;
const SET_BACK = "-10m";

const LIBRARIES = ["x86_64", "aarch64"].map((cpu) => `/usr/lib/${cpu}-linux-gnu/faketime/libfaketimeMT.so.1`);

/** Moves a process's wall clock to what a file says, and leaves its steady clock alone. */
function wallClock(file: string): Readonly<Record<string, string>> {
  const library = LIBRARIES.find(existsSync);
  if (library === undefined) throw new Error("faketime is not installed");
  return {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  };
}

interface Scene {
  readonly cluster: Cluster;
  /** One for each host, in the order of `WALL_CLOCKS`. */
  readonly hosts: readonly Ask[];
  readonly codeOf: (number: string) => Promise<string>;
}

const start = ({ cluster }: Scene, ask: Ask, to: string): Promise<Answer> =>
  ask({ path: "/v1/verifications", body: { to, channel: "sms" }, headers: cluster.key() });

const check = ({ cluster }: Scene, ask: Ask, guess: { readonly id: string; readonly code: string }): Promise<Answer> =>
  ask({ path: `/v1/verifications/${guess.id}/check`, body: { code: guess.code }, headers: cluster.key() });

/** The next host, for what another one began. */
const other = ({ hosts }: Scene, i: number): Ask => hosts[(i + 1) % hosts.length] as Ask;

/** A code lives ten minutes of the database's time, wherever it was begun, and the cool-down counts in every process. */
async function assertLives(scene: Scene, firstNumber: number): Promise<void> {
  for (const [i, ask] of scene.hosts.entries()) {
    const to = phoneAt(firstNumber + i);
    const begun = await start(scene, ask, to);
    assert.equal(begun.status, 201, begun.text);
    const [{ ms = 0 } = {}] = await scene.cluster.sql.all<{ readonly ms: number }>(
      "select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms",
    );
    const lifeMs = Date.parse(String(begun.body["expiresAt"])) - ms;
    assert.ok(Math.abs(lifeMs - LIFE_MS) < SLACK_SECONDS * 1_000, `a life of ${lifeMs} ms from ${WALL_CLOCKS[i]}`);

    const refused = await start(scene, other(scene, i), to);
    assert.equal(refused.body["code"], "cooldown", refused.text);
    const wait = Number(refused.retryAfter);
    assert.ok(wait > COOLDOWN_SECONDS - SLACK_SECONDS && wait <= COOLDOWN_SECONDS, `Retry-After: ${wait}`);

    const id = String(begun.body["id"]);
    const code = await scene.codeOf(to);
    const wrong = await check(scene, other(scene, i), { id, code: wrongCode(code, 1) });
    assert.equal(wrong.body["code"], "code_incorrect", wrong.text);
    const right = await check(scene, other(scene, i + 1), { id, code });
    assert.equal(right.status, 200, right.text);
  }
}

/** Tokens live by the database's time too. */
async function assertTokens({ hosts, cluster }: Scene): Promise<void> {
  const seconds = Math.floor(Date.now() / 1_000);
  const askWith = (ask: Ask, expiresIn: number): Promise<Answer> => {
    const claims = { sub: "user-1", iat: seconds - 2 * LEEWAY_SECONDS, exp: seconds + expiresIn };
    const headers = bearer(cluster.secretKey, claims);
    return ask({ method: "GET", path: "/api/v1/auth/verification-status", headers });
  };
  for (const [i, ask] of hosts.entries()) {
    assert.equal((await askWith(ask, LEEWAY_SECONDS)).status, 200, `a token that stands, on ${WALL_CLOCKS[i]}`);
    assert.equal((await askWith(ask, -LEEWAY_SECONDS - 1)).status, 401, `one past the leeway, on ${WALL_CLOCKS[i]}`);
  }
}

const notify = ({ cluster }: Scene, ask: Ask, to: string): Promise<Answer> =>
  ask({ path: "/v1/messages", body: { to, category: "transactional", text: "Pedido" }, headers: cluster.key() });

/** Whole seconds that a refusal told, which must lie a little below what it could be at the most. */
function assertWait({ body, retryAfter, text }: Answer, code: string, mostSeconds: number): void {
  assert.equal(body["code"], code, text);
  const wait = Number(retryAfter);
  assert.ok(wait > mostSeconds - 4 * COOLDOWN_SECONDS && wait <= mostSeconds, `${code}: Retry-After ${wait}`);
}

/** What an hour lets through is used up on every host together. */
async function assertLimits(scene: Scene, number: string): Promise<void> {
  for (let i = 0; i < PER_NUMBER; i++) {
    const { status, text } = await notify(scene, other(scene, i), number);
    assert.equal(status, 202, text);
  }
  for (const ask of scene.hosts) assertWait(await notify(scene, ask, number), "rate_limited", HOUR_SECONDS);
}

/** The database's own clock is set back: lives get longer by that much and no more, and nothing is counted anew. */
async function assertDatabaseBack(scene: Scene, usedUp: string, isFull: boolean): Promise<void> {
  const { cluster, codeOf } = scene;
  const to = phoneAt(500);
  const [first] = scene.hosts;
  if (first === undefined) throw new Error("there is a first host");
  const begun = await start(scene, first, to);
  const id = String(begun.body["id"]);
  const code = await codeOf(to);
  const wrong = { id, code: wrongCode(code, 1) };
  assert.equal((await check(scene, first, wrong)).body["attempts_remaining"], 4);

  await cluster.clock.set(BACK_MS);
  // Each process asks for the time once a minute, and when it starts.
  if (isFull) await pause(RESET_EVERY_MS + 2_000);
  else await Promise.all(cluster.apis.map((place) => place.crash()));
  const back = Math.abs(BACK_MS) / 1_000;
  for (const ask of scene.hosts) {
    assertWait(await notify(scene, ask, usedUp), "rate_limited", HOUR_SECONDS + back);
    assertWait(await start(scene, ask, to), "cooldown", COOLDOWN_SECONDS + back);
  }
  const [{ left = 0 } = {}] = await cluster.sql.all<{ readonly left: number }>(
    "select (expires_at - extract(epoch from clock_timestamp()) * 1000)::float8 as left from verifications where id = $1",
    [id],
  );
  assert.ok(left > LIFE_MS && left <= LIFE_MS - BACK_MS, `the life that is left: ${left} ms`);
  assert.equal((await check(scene, first, wrong)).body["attempts_remaining"], 3, "the guesses are counted on");
  assert.equal((await check(scene, other(scene, 0), { id, code })).status, 200, "the code still stands");
}

const SENT_WITHIN_MS = 10_000;
const POLL_MS = 100;

/** The worker looks for due messages four times a second, by the database's time. */
async function assertSent({ sql }: Cluster): Promise<void> {
  const count = () => sql.count("select count(*) from messages where state = 'sent' and lane = 'notification'");
  const giveUpAt = performance.now() + SENT_WITHIN_MS;
  while ((await count()) < PER_NUMBER && performance.now() < giveUpAt) await pause(POLL_MS);
  assert.equal(await count(), PER_NUMBER, "a worker a day behind sends what is due");
}

async function run({ size, engine }: RowOptions): Promise<Figures> {
  if (engine === "sqlite") throw new Error("the time of several processes is the database's");
  const isFull = size === "full";
  const walls = isFull ? WALL_CLOCKS : WALL_CLOCKS.slice(0, 4);
  const folder = mkdtempSync(join(tmpdir(), "wall-clocks-"));
  const fileOf = (name: string): string => join(folder, name);
  const agent = new Agent({ keepAlive: true });
  try {
    for (const [place, wall] of walls.entries()) writeFileSync(fileOf(`api-${place}`), wall);
    writeFileSync(fileOf("worker-0"), "-1d");
    const env = {
      ...NO_LIMITS,
      OTP_COOLDOWN_SECONDS: String(COOLDOWN_SECONDS),
      SMS_RATE_LIMIT_PER_NUMBER: String(PER_NUMBER),
    };
    const envOf = (role: string, place: number) => wallClock(fileOf(`${role}-${place}`));
    return await onCluster({ engine, env, envOf, apis: walls.length, workers: 1 }, async (cluster) => {
      const hosts = cluster.apis.map((place): Ask => createAsk(() => place.current()?.url ?? "", agent));
      const scene: Scene = { cluster, hosts, codeOf: createCodeSeeker(cluster) };
      await assertLives(scene, 0);
      await assertTokens(scene);
      await assertLimits(scene, phoneAt(400));
      writeFileSync(fileOf("api-0"), SET_BACK);
      await assertLives(scene, 100);
      await assertSent(cluster);
      await assertDatabaseBack(scene, phoneAt(400), isFull);
      return {
        "wall clocks": `${walls.join(", ")}; one set to ${SET_BACK} while it ran; a worker at -1d`,
        "lives, waits and tokens by the database's time": "100 %",
        "database back by (min)": Math.abs(BACK_MS) / 60_000,
        "counters begun anew": 0,
      };
    });
  } finally {
    agent.destroy();
    rmSync(folder, { recursive: true, force: true });
  }
}

export const r20: Row = {
  id: "R-20",
  title: "Wall clocks of the hosts are wrong, and the database's is set back",
  target:
    "hosts off by 5 s, 1 h, 1 day, set back 10 min while running: no effect on lives, limits, Retry-After, tokens; database back 10 min: lives at most 10 min longer, no counter begun anew",
  engines: ["postgres", "postgres+redis"],
  hasFaults: true,
  run,
  mutation: {
    why: "The time of the machine is taken for the database's.",
    edits: [
      {
        file: "packages/gateway/src/adapters/system.ts",
        find: "return Math.floor(source.steadyMs() + offset);",
        replace: "return source.wallMs();",
      },
    ],
  },
};
