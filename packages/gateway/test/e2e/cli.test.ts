import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError } from "../../src/config.ts";
import { type CliRun, runCli } from "../run-cli.ts";
import { startGateway, type TestGateway } from "../start-gateway.ts";

const PHONE = "+573005557001";

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({ OTP_COOLDOWN_SECONDS: "0" });
});

afterAll(async () => {
  await gateway.stop();
});

const machine = () => ({
  DATABASE_URL: `sqlite:${join(gateway.folder, "gateway.db")}`,
  GATEWAY_URL: gateway.url,
});

/** On the gateway's own machine, as a developer: no key is given. */
const cli = (args: readonly string[], given: { env?: Record<string, string>; answers?: readonly string[] } = {}) =>
  runCli(args, { env: { ...machine(), ...given.env }, cwd: gateway.folder, answers: given.answers ?? [] });

const file = (name: string, text: string): string => {
  const path = join(gateway.folder, name);
  writeFileSync(path, text);
  return path;
};

const code = async (to: string): Promise<string> => (await cli(["inbox", "--to", to, "--wait", "5", "--code"])).out;

describe("sms-gateway", () => {
  it("serves when nothing else is asked", async () => {
    expect(await cli([])).toMatchObject({ exitCode: 0, out: "serving" });
    expect(await cli(["serve"])).toMatchObject({ exitCode: 0, out: "serving" });
  });

  it("prints its version and its help, with an example for every command", async () => {
    expect(await cli(["--version"])).toMatchObject({ exitCode: 0, out: "0.0.0" });
    const help = await cli(["--help"]);
    const names = [...help.out.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name ?? "");
    expect(names).toHaveLength(18);
    for (const name of names) {
      expect(await cli([name, "--help"])).toMatchObject({ exitCode: 0, out: expect.stringContaining(`$ `) });
    }
  });

  it.each([
    ["an unknown command", ["statu"], "Did you mean status"],
    ["an unknown option", ["status", "--fast"], "--fast"],
    ["a missing argument", ["send"], "to"],
    ["neither text nor template", ["send", PHONE], "--text"],
    ["both text and template", ["send", PHONE, "--text", "a", "--template", "b"], "--template"],
    ["a variable without value", ["send", PHONE, "--template", "b", "--var", "order"], "name=value"],
    ["a scope that is none", ["keys", "create", "--name", "a", "--scopes", "admin"], "operate"],
    ["a wait without address", ["inbox", "--wait", "3"], "--to"],
    ["a number that is none", ["token", "--sub", "a", "--ttl", "1h"], "whole number"],
    ["nothing to lint", ["lint"], "--file"],
    ["a group without its command", ["keys"], "create"],
  ])("ends with 2 for %s, and says what is wrong", async (_, args, says) => {
    const run = await cli(args);
    expect(run).toMatchObject({ exitCode: 2, out: "" });
    expect(run.err).toContain(says);
  });

  it("says every problem of a configuration and never a value", async () => {
    const run = cli(["status"], { env: { PORT: "abc", OTP_LENGTH: "99" } });
    await expect(run).rejects.toThrow(ConfigError);
    await expect(run).rejects.toThrow(/PORT: .*\n.*OTP_LENGTH: /);
  });
});

describe("send, status and limits", () => {
  it("sends a text and waits until it has left", async () => {
    const run = await cli(["send", "300 555 7001", "--text", "Su pedido va en camino", "--json"]);
    expect(run.exitCode).toBe(0);
    expect(run.json()).toMatchObject({ to: PHONE, segments: 1, state: expect.stringMatching(/^(sent|delivered)$/) });
  });

  it("fills in a template", async () => {
    const to = "+573005557002";
    expect((await cli(["send", to, "--template", "order_delivered", "--var", "order=A-17"])).exitCode).toBe(0);
    expect((await cli(["inbox", "--to", to])).out).toContain("A-17");
  });

  it("ends with 1 when the carrier loses the message", async () => {
    const run = await cli(["send", "+573005550009", "--text", "hola", "--json"]);
    expect(run.exitCode).toBe(1);
    expect(run.json()).toMatchObject({ state: "failed", errorCode: "phone_landline" });
  });

  it("shows what the gateway refuses, as it says it", async () => {
    const run = await cli(["send", "6012345678", "--text", "hola"]);
    expect(run).toMatchObject({ exitCode: 1, out: "", err: expect.stringContaining("Ese número es fijo") });
    const forPrograms = await cli(["send", "6012345678", "--text", "hola", "--json"]);
    expect(forPrograms.json()).toMatchObject({ error: { code: "phone_landline" } });
  });

  it("says how the gateway is", async () => {
    expect((await cli(["status"])).out).toMatch(/SMS +on, simulated/);
    expect((await cli(["status", "--json"])).json()).toMatchObject({ simulation: true, store: "sqlite" });
  });

  it("shows what a number has used up, and forgets it", async () => {
    const to = "+573005557003";
    await cli(["verify", "start", to]);
    expect((await cli(["limits", "get", to])).out).toMatch(/1 of 5/);
    expect((await cli(["limits", "reset", to])).exitCode).toBe(0);
    expect((await cli(["limits", "get", to])).out).toMatch(/0 of 5/);
  });

  it("pauses a lane and resumes it", async () => {
    expect((await cli(["pause", "--lane", "notification", "--country", "co"])).out).toMatch(/notification +CO/);
    const refused = await cli(["send", PHONE, "--text", "hola"]);
    expect(refused).toMatchObject({ exitCode: 1, err: expect.stringContaining("sms-gateway status") });
    expect((await cli(["resume"])).out).toBe("Nothing is paused");
    expect((await cli(["send", PHONE, "--text", "hola"])).exitCode).toBe(0);
  });

  it("says where it looked when no gateway is there, and what to do", async () => {
    const run = await cli(["status", "--url", "http://127.0.0.1:1"]);
    expect(run.exitCode).toBe(1);
    expect(run.err).toContain("http://127.0.0.1:1");
    expect(run.err).toContain("sms-gateway serve");
  });

  it("does not send the development key to another machine", async () => {
    const seen: (string | null)[] = [];
    const fetchBefore = globalThis.fetch;
    globalThis.fetch = async (_url, init) => {
      seen.push(new Headers(init?.headers).get("authorization"));
      return new Response("", { status: 500 });
    };
    try {
      await cli(["status", "--json", "--url", "http://sms.shop.example"]);
      await cli(["status", "--json", "--url", gateway.url]);
    } finally {
      globalThis.fetch = fetchBefore;
    }
    expect(seen).toEqual([null, `Bearer ${gateway.apiKey}`]);
  });
});

describe("verify", () => {
  it("sends a code and checks it by id", async () => {
    const to = "+573005557010";
    const started = (await cli(["verify", "start", to, "--json"])).json<{ id: string }>();
    const checked = await cli(["verify", "check", started.id, await code(to), "--json", "--proof"]);
    expect(checked.exitCode).toBe(0);
    expect(checked.json()).toMatchObject({ status: "approved", proof: expect.stringMatching(/^ey/) });
  });

  it("checks the newest code of an address", async () => {
    const to = "+573005557011";
    await cli(["verify", "start", to]);
    const right = await code(to);
    const wrong = await cli(["verify", "check", to, right === "000000" ? "000001" : "000000"]);
    expect(wrong).toMatchObject({ exitCode: 1, err: expect.stringContaining("Código incorrecto") });
    expect(await cli(["verify", "check", "300 555 7011", right])).toMatchObject({ exitCode: 0 });
  });

  it("says so when no code was ever sent to an address", async () => {
    const run = await cli(["verify", "check", "+573005557012", "123456"]);
    expect(run).toMatchObject({ exitCode: 1, err: expect.stringContaining("verify start") });
  });

  it("asks for the code until it is right", async () => {
    const to = "+573005557013";
    await cli(["verify", "start", to]);
    const right = await code(to);
    const run = await cli(["verify", to], { answers: ["abc", right === "000000" ? "000001" : "000000", ` ${right} `] });
    expect(run.exitCode).toBe(0);
    expect(run.out).toContain("approved");
    expect(run.err.split("\n")).toHaveLength(2);
  });

  it("gives up when nobody types", async () => {
    const run = await cli(["verify", "+573005557014"]);
    expect(run).toMatchObject({ exitCode: 1, err: expect.stringContaining("verify check ver_") });
  });

  it("verifies an e-mail, told by its address", async () => {
    const started = await cli(["verify", "start", "ana@example.com", "--json"]);
    expect(started.json()).toMatchObject({ channel: "email", to: "ana@example.com" });
  });
});

describe("inbox", () => {
  it("prints the newest code and nothing else", async () => {
    const to = "+573005557020";
    await cli(["verify", "start", to]);
    expect((await cli(["inbox", "--to", to, "--code"])).out).toMatch(/^\d{6}$/);
  });

  it("ends with 1 when nothing comes", async () => {
    const run = await cli(["inbox", "--to", "+573005557021", "--wait", "0"]);
    expect(run).toMatchObject({ exitCode: 1, err: expect.stringContaining("nothing came") });
  });
});

describe("keys", () => {
  it("makes a key that works beside the running gateway, lists it without its secret, and ends it", async () => {
    const made = (await cli(["keys", "create", "--name", "shop", "--scopes", "send,read", "--json"])).json<{
      id: string;
      key: string;
    }>();
    expect((await cli(["status", "--key", made.key])).exitCode).toBe(0);
    const foreign = await cli(["limits", "get", PHONE, "--key", made.key]);
    expect(foreign).toMatchObject({ exitCode: 1, err: expect.stringContaining("scope") });

    const list = (await cli(["keys", "list", "--json"])).out;
    expect(list).toContain(made.id);
    expect(list).not.toContain(made.key);
    expect((await cli(["keys", "revoke", made.id])).exitCode).toBe(0);
    expect((await cli(["keys", "list"])).out).toMatch(new RegExp(`${made.id}.*Z +.*Z`));
    expect(await cli(["keys", "revoke", made.id])).toMatchObject({ exitCode: 1 });
  });
});

describe("contacts", () => {
  const CSV = 'sub,phone,email,name\nc1,300 123 4567,,"Ana, María"\nc2,6012345678,,\nc3,,c3@example.com,\n';

  it("puts, shows and forgets a user", async () => {
    expect((await cli(["contacts", "put", "c0", "--phone", "3001234567", "--name", "Ana"])).exitCode).toBe(0);
    expect((await cli(["contacts", "get", "c0", "--json"])).json()).toMatchObject({ phone: "+573001234567" });
    expect((await cli(["contacts", "delete", "c0"])).exitCode).toBe(0);
    expect((await cli(["contacts", "get", "c0"])).exitCode).toBe(1);
  });

  it("imports nothing when a line is bad, and names the line", async () => {
    const run = await cli(["contacts", "import", file("users.csv", CSV)]);
    expect(run.exitCode).toBe(1);
    expect(run.out).toMatch(/line 3 .*landline/);
    expect((await cli(["contacts", "get", "c1"])).exitCode).toBe(1);
  });

  it("imports the good lines with --skip-bad", async () => {
    const run = await cli(["contacts", "import", file("users.csv", CSV), "--skip-bad", "--json"]);
    expect(run.exitCode).toBe(0);
    expect(run.json()).toMatchObject({ imported: 2, bad: [{ line: 3 }] });
    expect((await cli(["contacts", "get", "c1", "--json"])).json()).toMatchObject({ name: "Ana, María" });
    expect((await cli(["contacts", "get", "c2"])).exitCode).toBe(1);
  });

  it("imports many lines", async () => {
    const lines = Array.from({ length: 1_201 }, (_, n) => `m${n},300${String(1_000_000 + n)},,`);
    const run = await cli([
      "contacts",
      "import",
      file("many.csv", `sub,phone,email,name\n${lines.join("\n")}`),
      "--json",
    ]);
    expect(run.json()).toEqual({ imported: 1_201, bad: [] });
    expect((await cli(["contacts", "get", "m1200"])).exitCode).toBe(0);
  });

  it("refuses a file that is not there", async () => {
    const run = await cli(["contacts", "import", join(gateway.folder, "nothing.csv")]);
    expect(run).toMatchObject({ exitCode: 1, err: expect.stringContaining("ENOENT") });
  });
});

describe("token", () => {
  it("makes a token that the MeStore API takes", async () => {
    const { out } = await cli(["token", "--sub", "t1", "--phone", "300 555 7030", "--ttl", "60"]);
    const answer = await fetch(`${gateway.url}/api/v1/auth/send-verification-sms`, {
      method: "POST",
      headers: { authorization: `Bearer ${out}`, "content-type": "application/json" },
      body: '{"otp_type":"SMS"}',
    });
    expect(answer.status).toBe(200);
  });

  it("is refused where the host application has a key set", async () => {
    const run = await cli(["token", "--sub", "t1"], { env: { JWT_JWKS_URL: "https://shop.example/jwks.json" } });
    expect(run).toMatchObject({ exitCode: 1, out: "", err: expect.stringContaining("JWT_JWKS_URL") });
  });
});

describe("lint and migrate", () => {
  it("says what a text costs and how it would cost less", async () => {
    const run = await cli(["lint", "Su código es {code}", "--var", "code=123456", "--json"]);
    expect(run.json()).toMatchObject({ encoding: "UCS-2", outsideGsm7: ["ó"], suggestion: "Su codigo es {code}" });
    const fromFile = await cli(["lint", "--file", file("text.txt", `${"a".repeat(161)}\n`)]);
    expect(fromFile.out).toMatch(/segments +2/);
  });

  it("brings the schema up to date", async () => {
    const run = await cli(["migrate", "--json"], { env: { DATABASE_URL: "sqlite:./fresh/gateway.db" } });
    expect(run.json()).toEqual({ database: join(gateway.folder, "fresh", "gateway.db") });
  });
});

describe("doctor on a real machine", () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "doctor-"));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  interface Doctored {
    readonly ok: boolean;
    readonly checks: readonly { readonly id: string; readonly state: string; readonly detail: string }[];
  }
  const doctor = (env: Record<string, string> = {}, cwd = folder): Promise<CliRun> =>
    runCli(["doctor", "--json"], { env, cwd });
  const lineOf = (run: CliRun, id: string) => run.json<Doctored>().checks.find((check) => check.id === id);

  it("is content with an empty folder", async () => {
    const run = await doctor();
    expect(run.exitCode).toBe(0);
    expect(run.json<Doctored>().checks).toHaveLength(14);
  });

  it("lists every problem of the configuration", async () => {
    const run = await doctor({ PORT: "abc", OTP_LENGTH: "99" });
    expect(run.exitCode).toBe(1);
    expect(run.json<Doctored>().checks.map(({ state }) => state)).toEqual(["fail", "fail"]);
  });

  it("sees a secrets file that others can read, and leaves it to the operator", async () => {
    await runCli(["token", "--sub", "a"], { env: {}, cwd: folder });
    expect(lineOf(await doctor(), "secrets")).toMatchObject({ state: "ok" });
    chmodSync(join(folder, "data", "secrets.json"), 0o644);
    expect(lineOf(await doctor(), "secrets")).toMatchObject({ state: "fail", detail: expect.stringContaining("644") });
    chmodSync(join(folder, "data", "secrets.json"), 0o600);
  });

  it("sees a secrets file that is broken", async () => {
    const broken = { DATABASE_URL: "sqlite:./broken/gateway.db" };
    await runCli(["token", "--sub", "a"], { env: broken, cwd: folder });
    writeFileSync(join(folder, "broken", "secrets.json"), "{");
    expect(lineOf(await doctor(broken), "secrets")).toMatchObject({
      state: "fail",
      detail: expect.stringContaining("is broken"),
    });
  });

  it("sees a database file that is none", async () => {
    writeFileSync(join(folder, "notes.txt"), "this is no database, and long enough to be read as one\n".repeat(40));
    const run = await doctor({ DATABASE_URL: "sqlite:./notes.txt" });
    expect(run.exitCode).toBe(1);
    expect(lineOf(run, "store")).toMatchObject({ state: "fail", detail: expect.stringContaining("not a database") });
  });

  it("sees a folder that cannot be written to", async () => {
    const run = await doctor({ DATABASE_URL: "sqlite:./notes.txt/gateway.db" });
    expect(lineOf(run, "disk")).toMatchObject({ state: "fail" });
    expect(lineOf(run, "store")).toMatchObject({ state: "fail" });
  });

  it("sees who serves the database", async () => {
    const run = await doctor(machine(), gateway.folder);
    expect(lineOf(run, "server")).toMatchObject({ state: "info", detail: expect.stringContaining(`${process.pid}`) });
  });

  it("sees a mail server that does not answer", async () => {
    const run = await doctor({
      ENVIRONMENT: "test",
      SMTP_URL: "smtp://127.0.0.1:1",
      EMAIL_FROM: "no-reply@shop.example",
    });
    expect(run.exitCode).toBe(1);
    expect(lineOf(run, "email")).toMatchObject({ state: "fail" });
  });
});
