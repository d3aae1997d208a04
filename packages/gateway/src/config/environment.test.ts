import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigError, readEnvironment } from "../config.ts";

let folder = "";
const at = (...parts: string[]): string => join(folder, ...parts);
const write = (path: string, text: string): void => {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), text);
};

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "environment-")));
  mkdirSync(at("root/packages/gateway"), { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("readEnvironment", () => {
  it("finds the .env above the folder of the command", () => {
    write("root/.env", "PORT=9000\n");
    expect(readEnvironment({ cwd: at("root/packages/gateway"), env: {} })).toEqual({
      env: { PORT: "9000" },
      rootFolder: at("root"),
      envFile: at("root/.env"),
    });
  });

  it("takes the root package.json when there is no .env, and skips those of packages", () => {
    write("root/package.json", '{ "workspaces": ["packages/*"] }');
    write("root/packages/gateway/package.json", '{ "name": "gateway" }');
    const { rootFolder, envFile } = readEnvironment({ cwd: at("root/packages/gateway"), env: {} });
    expect({ rootFolder, envFile }).toEqual({ rootFolder: at("root"), envFile: null });
  });

  it("leaves a .env above the root package.json to others", () => {
    write(".env", "PORT=9000\n");
    write("root/package.json", '{ "workspaces": [] }');
    expect(readEnvironment({ cwd: at("root"), env: {} }).env).toEqual({});
  });

  it("lets the process win, with an empty value too", () => {
    write("root/.env", 'PORT=9000\nSMTP_URL=smtp://mail.example\nAPP_NAME="Otra Tienda"\n');
    const { env } = readEnvironment({ cwd: at("root"), env: { PORT: "9001", SMTP_URL: "" } });
    expect(env).toEqual({ PORT: "9001", SMTP_URL: "", APP_NAME: "Otra Tienda" });
  });

  it("reads a key of several lines, and a file that begins with a byte order mark", () => {
    write("root/.env", '\uFEFFPORT=9000\nPROOF_PRIVATE_KEY="-----BEGIN\nabc\nEND-----"\n');
    const { env } = readEnvironment({ cwd: at("root"), env: {} });
    expect(env).toEqual({ PORT: "9000", PROOF_PRIVATE_KEY: "-----BEGIN\nabc\nEND-----" });
  });

  it("says that a .env cannot be read", () => {
    mkdirSync(at("root/.env"));
    expect(() => readEnvironment({ cwd: at("root"), env: {} })).toThrow(ConfigError);
  });
});
