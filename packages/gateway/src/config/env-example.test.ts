import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../config.ts";
import { isSecret, VARIABLE_NAMES } from "./variables.ts";

const text = readFileSync(new URL("../../../../.env.example", import.meta.url), "utf8");
const example = parseEnv(text);
const options = { rootFolder: "/srv/gateway", readFile: () => "" };

describe(".env.example", () => {
  it("lists every variable there is, and no other", () => {
    expect(Object.keys(example).sort()).toEqual([...VARIABLE_NAMES].sort());
  });

  it("explains each in the line above, once", () => {
    const lines = text.split("\n");
    const assignments = lines.flatMap((line, i) => (/^[A-Z_]+=/.test(line) ? [i] : []));
    expect(assignments).toHaveLength(VARIABLE_NAMES.length);
    for (const i of assignments) expect(lines[i - 1]).toMatch(/^# \S.*\S$/);
  });

  it("names every secret that a file may hold", () => {
    const sentence = /These can:([^.]+)\./.exec(text)?.[1]?.match(/[A-Z_]{4,}/g) ?? [];
    expect([...sentence].sort()).toEqual(VARIABLE_NAMES.filter(isSecret).sort());
  });

  it("copied as it is changes nothing: development, in simulation", () => {
    const config = loadConfig(example, options);
    expect(config.environment).toBe("development");
    expect(config.twilio).toBeUndefined();
    expect(config.smtp).toBeUndefined();
    expect(config.secrets.otpSecret).toBeUndefined();
    expect(config).toEqual(loadConfig({}, options));
  });

  it("does not start in production, whose problems name each placeholder", () => {
    const placeholders = Object.keys(example).filter((name) => /_here$|^optional_/.test(example[name] ?? ""));
    expect(placeholders).toHaveLength(6);
    expect(() => loadConfig({ ...example, ENVIRONMENT: "production" }, options)).toThrow(
      expect.objectContaining({
        problems: expect.arrayContaining(placeholders.map((name) => expect.objectContaining({ name }))),
      }),
    );
  });
});
