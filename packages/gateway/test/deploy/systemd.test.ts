import { spawnSync } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError, loadConfig } from "../../src/config.ts";
import { ROOT } from "../docs/markdown.ts";
import { KNOWN_NAMES } from "./known-names.ts";
import { parseUnit } from "./unit-file.ts";

/** Where the units expect a checkout. */
const INSTALLED = "/opt/sms-gateway/";
const NODE = "/usr/bin/node";
const LONGEST_STOP_SECONDS = 25;
/** Of systemd-analyze, times ten: 0 is closed, 100 is open. */
const MOST_EXPOSED = 20;
/** Used where it is; nothing installs it. */
const ANALYZE = "systemd-analyze";
const STARTING_MS = 30_000;

const read = (name: string): string => readFileSync(join(ROOT, "deploy", name), "utf8");

/** The file, and the name that a unit of it is started under. */
const UNITS = [
  ["sms-gateway.service", "sms-gateway.service", "serve"],
  ["sms-gateway@.service", "sms-gateway@api.service", "serve --role %i"],
] as const;

describe.each(UNITS)("deploy/%s", (file, started, command) => {
  const settings = parseUnit(read(file));
  const valuesOf = (name: string): readonly string[] =>
    settings.filter((setting) => setting.name === name).map(({ value }) => value);

  it("starts a program that exists, with a command that it has", () => {
    const starts = [...valuesOf("ExecStartPre"), ...valuesOf("ExecStart")].map((line) => line.split(" "));
    for (const [node, program = ""] of starts) {
      expect(node).toBe(NODE);
      expect(program.startsWith(INSTALLED)).toBe(true);
      expect(existsSync(join(ROOT, program.slice(INSTALLED.length)))).toBe(true);
    }
    expect(starts.at(-1)?.slice(2).join(" ")).toBe(command);
  });

  it("sets no variable that does not exist", () => {
    const names = valuesOf("Environment").map((pair) => pair.split("=")[0] ?? "");
    expect(names.filter((name) => !KNOWN_NAMES.includes(name))).toEqual([]);
    expect(valuesOf("EnvironmentFile")[0]).toBe("/etc/sms-gateway/sms-gateway.env");
  });

  it("is nobody's root, writes its own folder alone, and lets the gateway finish", () => {
    expect(valuesOf("User")).toEqual(["sms-gateway"]);
    expect(valuesOf("StateDirectory")).toEqual(["sms-gateway"]);
    expect(valuesOf("WorkingDirectory")).toEqual(["/var/lib/sms-gateway"]);
    expect(valuesOf("ReadWritePaths")).toEqual([]);
    for (const name of ["NoNewPrivileges", "PrivateTmp", "PrivateDevices"]) expect(valuesOf(name)).toEqual(["yes"]);
    expect(valuesOf("ProtectSystem")).toEqual(["strict"]);
    expect(Number(valuesOf("TimeoutStopSec")[0])).toBeGreaterThan(LONGEST_STOP_SECONDS);
  });

  describe("as systemd sees it", () => {
    let folder: string;

    /** The unit with paths of this machine, where Node and the checkout are elsewhere. */
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), "units-"));
      const text = read(file).replaceAll(NODE, process.execPath).replaceAll(INSTALLED, ROOT);
      writeFileSync(join(folder, started), text);
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    const analyze = (...args: readonly string[]) => {
      const { status, stdout, stderr } = spawnSync(ANALYZE, args, { encoding: "utf8" });
      return { status, said: stdout + stderr };
    };
    /** Judging a file alone came with 250. */
    const release = Number(/^systemd (\d+)/.exec(analyze("--version").said)?.[1] ?? 0);

    it(release >= 250
      ? "is a valid unit, and well closed"
      : "is not looked at: this machine has no systemd-analyze 250", { timeout: STARTING_MS }, () => {
      if (release < 250) return;
      expect(analyze("verify", join(folder, started))).toEqual({ status: 0, said: "" });
      const closed = analyze("security", "--offline=true", `--threshold=${MOST_EXPOSED}`, join(folder, started));
      expect(closed, closed.said).toMatchObject({ status: 0 });
    });
  });
});

it("both units differ in what they start alone", () => {
  const own = ["Description", "ExecStart", "ExecStartPre", "EnvironmentFile"];
  const [one, roles] = UNITS.map(([file]) => parseUnit(read(file)).filter(({ name }) => !own.includes(name)));
  expect(roles).toEqual(one);
});

describe("deploy/sms-gateway.env", () => {
  const settings = parseEnv(read("sms-gateway.env"));
  /** Switched off in the file, for the reader to switch on. */
  const offered = [...read("sms-gateway.env").matchAll(/^#(\w+)=/gm)].map(([, name = ""]) => name);

  const makeSecret = (path: string): string => {
    if (path.endsWith("/proof-private-key")) {
      return generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    }
    if (path.endsWith("/twilio-account-sid")) return `AC${randomBytes(16).toString("hex")}`;
    return randomBytes(48).toString("base64");
  };

  const load = (more: Readonly<Record<string, string>>) =>
    loadConfig(
      { ...settings, ...more },
      { rootFolder: "/var/lib/sms-gateway", readFile: makeSecret, checkBrand: () => [] },
    );

  it("sets and offers only variables that exist", () => {
    expect(offered).toEqual(["DATABASE_URL_FILE", "REDIS_URL_FILE"]);
    expect([...Object.keys(settings), ...offered].filter((name) => !KNOWN_NAMES.includes(name))).toEqual([]);
  });

  it("refuses to start until there is a sender, and lacks nothing else", () => {
    expect(() => load({})).toThrow(ConfigError);
    const config = load({ TWILIO_MESSAGING_SERVICE_SID: `MG${"0".repeat(32)}` });
    expect(config).toMatchObject({ isProduction: true, store: { dataFolder: "/var/lib/sms-gateway/data" } });
    expect(config.warnings).toEqual([]);
  });
});
