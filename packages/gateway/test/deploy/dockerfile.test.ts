import { type ChildProcess, execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InboxPage } from "@mestore/sms-gateway-contract";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../docs/markdown.ts";
import { findFreePort } from "../servers/free-port.ts";
import { freshDatabase, freshRedis } from "../servers/fresh.ts";
import type { TestDatabase } from "../servers/postgres.ts";
import { createBaseImage } from "./base-image.ts";
import { readCompose } from "./compose-services.ts";
import { listContext, parseDockerignore } from "./docker-context.ts";
import { parseDockerfile } from "./dockerfile.ts";
import { finish, type Image, replay, startIn, toAccount } from "./replay.ts";

const BUILD_MS = 180_000;
const RUN_MS = 60_000;
/** The longest a gateway takes to stop. */
const STOP_MS = 25_000;
const PHONE = "+573001234567";

const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const contextFiles = listContext(ROOT, parseDockerignore(read(".dockerignore")));

/** A package in the lock file. */
interface Locked {
  readonly dev?: boolean;
}

type Env = Readonly<Record<string, string>>;

interface Started {
  readonly child: ChildProcess;
  readonly ended: ReturnType<typeof finish>;
  readonly said: string;
}

const CODE: unknown = expect.stringMatching(/^\d{6}$/);
const COMPOSE = readCompose();

describe("the reader of the Dockerfile", () => {
  it("puts arguments in and joins lines", () => {
    const text =
      'ARG BASE=node:24\nFROM $BASE AS a\n# a comment\nENV X=1 Y="two words"\nRUN one && \\\n  # more\n  two\n';
    expect(parseDockerfile(text, { BASE: "node:25" })).toEqual([
      {
        image: "node:25",
        alias: "a",
        instructions: [
          { name: "ENV", values: { X: "1", Y: "two words" } },
          { name: "RUN", command: { form: "shell", text: "one && two" } },
        ],
      },
    ]);
  });

  it.each([
    ["an instruction it does not know", "FROM a\nADD b c"],
    ["a flag it does not know", "FROM a\nRUN --mount=type=cache,target=/x y"],
    ["a variable that nobody set", "FROM a\nWORKDIR $NOWHERE"],
    ["a document within", "FROM a\nRUN <<END"],
    ["a line without end", "FROM a\nRUN b \\"],
    ["something before FROM", "RUN a"],
  ])("refuses %s", (_, text) => {
    expect(() => parseDockerfile(text)).toThrow();
  });
});

describe("the reader of .dockerignore", () => {
  const isIgnored = parseDockerignore("*\n!packages\n**/test\n**/*.log\n");

  it.each([
    ["README.md", true],
    ["packages/gateway/src/main.ts", false],
    ["packages/gateway/test/doubles.ts", true],
    ["packages/a.log", true],
  ])("%s", (path, expected) => {
    expect(isIgnored(path)).toBe(expected);
  });
});

describe("the Dockerfile", () => {
  const stages = parseDockerfile(read("Dockerfile"));

  it("is on the Node that the tests run on", () => {
    const { devDependencies } = JSON.parse(read("package.json")) as {
      devDependencies: Readonly<Record<string, string>>;
    };
    expect(new Set(stages.map(({ image }) => image))).toEqual(
      new Set([`node:${devDependencies["node"]}-bookworm-slim`]),
    );
  });

  it("says neither where it runs nor any secret", () => {
    const last = stages.at(-1)?.instructions ?? [];
    expect(last.filter(({ name }) => name === "ENV")).toEqual([]);
  });

  it("is sent sources, manifests and the licence; nothing that git leaves out, no test", () => {
    const git = (...args: readonly string[]): readonly string[] =>
      String(execFileSync("git", ["ls-files", "-z", ...args], { cwd: ROOT })).split("\0");
    const ours = new Set([...git(), ...git("--others", "--exclude-standard")]);
    expect(contextFiles.filter((file) => !ours.has(file))).toEqual([]);
    expect(contextFiles.filter((file) => /(^|\/)test\/|\.test\.ts$/.test(file))).toEqual([]);
    expect(contextFiles.filter((file) => !file.startsWith("packages/")).sort()).toEqual([
      "LICENSE",
      "package-lock.json",
      "package.json",
    ]);
  });
});

/**
 * There may be no Docker here. So the instructions themselves are done in a folder: `npm ci` for real, then the gateway
 * starts as the Dockerfile says, with no variable of this machine. As root, the install runs as `nobody` and the gateway
 * as the USER of the Dockerfile; otherwise all of it runs as whoever runs the tests.
 */
describe("the image, replayed", () => {
  let folder: string;
  let image: Image;
  let port: number;
  let gateway: Started;
  const running: ChildProcess[] = [];

  const account = () => toAccount(image.user);
  const start = (args: readonly string[], env: Env = { PORT: String(port) }): ChildProcess => {
    const child = startIn(image, args, { account: account(), more: env });
    running.push(child);
    return child;
  };
  const checkHealth = (env?: Env) => finish(start(image.healthcheck, env));
  const runCommand = (args: readonly string[], env?: Env) => finish(start([...image.entrypoint, ...args], env));

  /** Resolves with what a server said when it said `lastWords` of its banner; rejects when it ended before that. */
  async function boot(args: readonly string[], lastWords: string, env?: Env): Promise<Started> {
    const child = start([...image.entrypoint, ...args], env);
    const ended = finish(child);
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (said += String(chunk)));
    const isSettled = (): boolean => said.includes(lastWords) || child.exitCode !== null;
    await expect.poll(isSettled, { timeout: RUN_MS / 2 }).toBe(true);
    expect(said).toContain(lastWords);
    return { child, ended, said };
  }

  async function stop({ child, ended }: Started): Promise<void> {
    const toldAt = performance.now();
    child.kill("SIGTERM");
    expect(await ended).toMatchObject({ code: 0 });
    expect(performance.now() - toldAt).toBeLessThan(STOP_MS);
  }

  async function sendCode(origin: string): Promise<void> {
    const body = JSON.stringify({ telefono: PHONE });
    const headers = { "content-type": "application/json" };
    const sent = await fetch(`${origin}/api/v1/auth/send-verification-sms`, { method: "POST", headers, body });
    expect(sent.status, await sent.text()).toBe(200);
  }

  const inImage = (path: string): string => join(image.root, image.workdir, path);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "image-"));
    chmodSync(folder, 0o755);
    const base = createBaseImage(folder, process.env);
    const context = { folder: ROOT, files: contextFiles };
    image = await replay({ stages: parseDockerfile(read("Dockerfile")), context, base, folder });
    port = await findFreePort();
  }, BUILD_MS);

  afterAll(() => {
    for (const child of running) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }, BUILD_MS);

  it("holds what production needs, and no tool of development", () => {
    expect(existsSync(inImage("node_modules/fastify"))).toBe(true);
    const { packages } = JSON.parse(read("package-lock.json")) as { packages: Readonly<Record<string, Locked>> };
    const tools = Object.keys(packages).filter((path) => packages[path]?.dev === true);
    expect(tools).toContain("node_modules/vitest");
    expect(tools.filter((path) => existsSync(inImage(path)))).toEqual([]);
    expect(readdirSync(inImage(".")).sort()).toEqual([
      "LICENSE",
      "data",
      "node_modules",
      "package-lock.json",
      "package.json",
      "packages",
    ]);
  });

  it("runs as a number that is not root, and lets it write the data folder alone", () => {
    const { uid, gid } = account();
    expect(uid).toBeGreaterThan(0);
    expect(image.volumes).toEqual([join(image.workdir, "data")]);
    if (process.getuid?.() !== 0) return;
    expect(statSync(inImage("data"))).toMatchObject({ uid, gid });
    for (const path of [".", "packages/gateway/src/main.ts", "node_modules", "node_modules/fastify/fastify.js"]) {
      expect(statSync(inImage(path))).toMatchObject({ uid: 0, gid: 0 });
    }
  });

  it("is unhealthy while nothing runs", { timeout: RUN_MS }, async () => {
    expect(await checkHealth()).toMatchObject({ code: 1 });
  });

  it("serves and becomes healthy", { timeout: RUN_MS }, async () => {
    gateway = await boot(image.cmd, "Try first");
    expect(await checkHealth()).toMatchObject({ code: 0 });
    expect(gateway.said).toContain(`database  ${inImage("data/gateway.db")}`);
  });

  it("sends a verification, which arrives in the inbox of the simulation", async () => {
    const origin = `http://localhost:${port}`;
    await sendCode(origin);
    const inbox = await fetch(`${origin}/v1/inbox?to=${encodeURIComponent(PHONE)}`);
    expect(InboxPage.parse(await inbox.json()).messages).toMatchObject([{ to: PHONE, code: CODE }]);
  });

  it("serves the page of the inbox and the documents", async () => {
    for (const path of ["/", "/docs"]) expect((await fetch(`http://localhost:${port}${path}`)).status).toBe(200);
  });

  it("keeps its secrets from others", () => {
    expect(statSync(inImage("data/secrets.json")).mode & 0o777).toBe(0o600);
    if (process.getuid?.() === 0) expect(statSync(inImage("data/gateway.db")).uid).toBe(account().uid);
  });

  it("ends with 0 within 25 seconds when it is told to, and is unhealthy then", { timeout: RUN_MS }, async () => {
    await stop(gateway);
    expect(await checkHealth()).toMatchObject({ code: 1 });
  });

  it("runs the other commands too", { timeout: RUN_MS }, async () => {
    const { code, said } = await runCommand(["lint", "hola", "--json"]);
    expect(said).toContain("GSM-7");
    expect(code).toBe(0);
  });

  /** Its commands and settings, with the addresses of servers that are here. Redis stands in for Valkey. */
  describe("with the services of compose.yaml, on a real PostgreSQL and a real Redis", () => {
    let database: TestDatabase;
    let more: Env;

    beforeAll(async () => {
      database = await freshDatabase();
      more = { HOST: "127.0.0.1", DATABASE_URL: database.url, REDIS_URL: (await freshRedis()).url };
      // A volume is empty at first.
      for (const name of readdirSync(inImage("data"))) rmSync(join(inImage("data"), name), { recursive: true });
    }, RUN_MS);
    afterAll(() => database?.drop(), RUN_MS);

    const service = (name: string) => {
      const { command = [], environment = {} } = COMPOSE.services[name] ?? {};
      return { command, env: { ...environment, ...more } };
    };

    it("migrates, even twice at once", { timeout: RUN_MS }, async () => {
      const { command, env } = service("migrate");
      const both = await Promise.all([runCommand(command, env), runCommand(command, env)]);
      for (const { code, said } of both) expect(code, said).toBe(0);
    });

    it("starts both roles at once, which share their secrets; serves; ends both", { timeout: RUN_MS }, async () => {
      const [api, worker] = [service("gateway"), service("worker")];
      const [apiEnv, workerEnv] = [
        { ...api.env, PORT: String(port) },
        { ...worker.env, PORT: String(await findFreePort()) },
      ];
      const both = await Promise.all([
        boot(api.command, "Try first", apiEnv),
        boot(worker.command, "listening on", workerEnv),
      ]);
      expect(readdirSync(inImage("data"))).toEqual(["secrets.json"]);
      for (const env of [apiEnv, workerEnv]) expect(await checkHealth(env)).toMatchObject({ code: 0 });

      const origin = `http://127.0.0.1:${port}`;
      await sendCode(origin);
      const inbox = `${origin}/v1/inbox?to=${encodeURIComponent(PHONE)}`;
      expect((await fetch(inbox)).status).toBe(401);
      const key = /sk_dev_[\w-]{43}/.exec(both[0].said)?.[0];
      const answer = await fetch(inbox, { headers: { authorization: `Bearer ${key}` } });
      expect(InboxPage.parse(await answer.json()).messages).toMatchObject([{ to: PHONE, code: CODE }]);

      await Promise.all(both.map(stop));
      for (const env of [apiEnv, workerEnv]) expect(await checkHealth(env)).toMatchObject({ code: 1 });
    });
  });
});
