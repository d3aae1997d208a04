import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isSecret, VARIABLE_NAMES } from "../../src/config/variables.ts";
import { loadConfig } from "../../src/config.ts";
import { ROOT } from "../docs/markdown.ts";
import { parseCompose } from "./compose-file.ts";
import { readCompose } from "./compose-services.ts";
import { parseDockerfile } from "./dockerfile.ts";
import { KNOWN_NAMES } from "./known-names.ts";

/** The only secret that may stand in the file: it says itself what it is good for. */
const DEVELOPMENT_PASSWORD = "development-only";
/** Variables of the other images. */
const FOREIGN_NAMES: readonly string[] = ["POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"];
const LONGEST_STOP_SECONDS = 25;

const text = readFileSync(join(ROOT, "compose.yaml"), "utf8");
const { services, volumes } = readCompose();
const all = Object.entries(services);
const ours = all.filter(([, { build }]) => build !== undefined);
const image = parseDockerfile(readFileSync(join(ROOT, "Dockerfile"), "utf8")).at(-1)?.instructions ?? [];

describe("the reader of compose.yaml", () => {
  it("reads maps, lists, texts and anchors", () => {
    const document =
      'x: &x\n  a: one\n  b: ["c", "d: e"]\n# a comment\ny:\n  <<: *x\n  a: two\n  l:\n    - three\n  n:\n';
    const x = { a: "one", b: ["c", "d: e"] };
    expect(parseCompose(document)).toEqual({ x, y: { ...x, a: "two", l: ["three"], n: null } });
  });

  it.each([
    "a: |\n  b",
    "a: b # c",
    "a: {b: c}",
    "a: b\na: c",
    "a:\n   b: c\n  d: e",
    "a: !x b",
    "- {}",
    "a: *b",
    "<<: *b",
  ])("refuses %j", (document) => {
    expect(() => parseCompose(document)).toThrow();
  });
});

describe("compose.yaml", () => {
  it("names every image and its version", () => {
    for (const [name, service] of all) expect(service.image, name).toMatch(/^[\w./-]+:\d[\w.-]*$/);
    expect(ours.map(([name]) => name)).toEqual(["migrate", "gateway", "worker"]);
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { readonly version: string };
    for (const [, service] of ours) expect(service.image).toBe(`mestore/sms-gateway:${version}`);
  });

  it("starts each service when those it needs are healthy, or have ended well", () => {
    const hasCheck = (name: string): boolean =>
      services[name]?.healthcheck !== undefined ||
      (services[name]?.build !== undefined && image.some((instruction) => instruction.name === "HEALTHCHECK"));
    for (const [name, { depends_on = {} }] of all) {
      for (const [needed, { condition }] of Object.entries(depends_on)) {
        expect(Object.keys(services), `${name} needs ${needed}`).toContain(needed);
        const expected = needed === "migrate" ? "service_completed_successfully" : "service_healthy";
        expect(condition, `${name} needs ${needed}`).toBe(expected);
        if (condition === "service_healthy") expect(hasCheck(needed), needed).toBe(true);
      }
    }
    for (const name of ["gateway", "worker"]) {
      expect(Object.keys(services[name]?.depends_on ?? {})).toEqual(["migrate", "postgres", "valkey"]);
    }
    expect(services["migrate"]?.depends_on).toEqual({ postgres: { condition: "service_healthy" } });
  });

  it("sets only variables that exist", () => {
    for (const [name, { environment = {} }] of ours) {
      expect(
        Object.keys(environment).filter((variable) => !KNOWN_NAMES.includes(variable)),
        name,
      ).toEqual([]);
    }
    const others = all.filter(([, { build }]) => build === undefined).map(([, { environment = {} }]) => environment);
    expect(others.flatMap(Object.keys).filter((variable) => !FOREIGN_NAMES.includes(variable))).toEqual([]);
  });

  it("is a configuration that starts, with one folder for the secrets", () => {
    for (const [name, { environment = {} }] of ours) {
      const readFile = (path: string): never => {
        throw new Error(`${name} reads ${path}`);
      };
      const { store, warnings } = loadConfig(environment, { rootFolder: "/app", readFile, checkBrand: () => [] });
      expect(warnings).toEqual([]);
      expect(store.dataFolder).toBe("/app/data");
    }
  });

  it("simulates, and is reachable from this machine alone", () => {
    for (const [, { environment = {} }] of ours) {
      expect(environment).toMatchObject({ ENVIRONMENT: "development", SIMULATION_EXPOSED: "true" });
    }
    const ports = all.flatMap(([, service]) => service.ports ?? []);
    expect(ports).toEqual(["127.0.0.1:8000:8000"]);
  });

  it("has no secret but the one that says what it is for", () => {
    expect(text).not.toContain("$");
    const { POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD } = services["postgres"]?.environment ?? {};
    expect(POSTGRES_PASSWORD).toBe(DEVELOPMENT_PASSWORD);
    const addresses = ["DATABASE_URL", "REDIS_URL"];
    for (const [name, { environment = {} }] of ours) {
      const secrets = VARIABLE_NAMES.filter((one) => isSecret(one) && environment[one] !== undefined);
      expect(secrets, name).toEqual(addresses);
      const database = new URL(environment["DATABASE_URL"] ?? "");
      const { username, password, hostname, pathname } = database;
      expect({ username, password, hostname, pathname }).toEqual({
        username: POSTGRES_USER,
        password: POSTGRES_PASSWORD,
        hostname: "postgres",
        pathname: `/${POSTGRES_DB}`,
      });
      const { username: user, password: key, hostname: host } = new URL(environment["REDIS_URL"] ?? "");
      expect({ user, key, host }).toEqual({ user: "", key: "", host: "valkey" });
    }
  });

  it("gives the processes one data folder, because they share secrets.json", () => {
    const [folder] = image.flatMap((instruction) => (instruction.name === "VOLUME" ? instruction.values : []));
    for (const [, service] of ours) expect(service.volumes).toEqual([`gateway-data:${folder}`]);
    const used = all.flatMap(([, service]) => service.volumes ?? []).map((volume) => volume.split(":")[0]);
    expect([...new Set(used)].sort()).toEqual(Object.keys(volumes).sort());
  });

  it("runs one role per service, and lets each finish", () => {
    expect(ours.map(([, { command }]) => command)).toEqual([
      ["migrate"],
      ["serve", "--role", "api"],
      ["serve", "--role", "worker"],
    ]);
    for (const [, { stop_grace_period = "" }] of ours) {
      expect(Number(/^(\d+)s$/.exec(stop_grace_period)?.[1])).toBeGreaterThan(LONGEST_STOP_SECONDS);
    }
  });
});
