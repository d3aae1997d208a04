import { execFile } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type DevelopmentSecrets, type GivenSecrets, keepSecrets } from "./secrets-file.ts";

const NOTHING: GivenSecrets = { otpSecret: undefined, secretKey: undefined, proofPrivateKey: undefined };

let parent = "";
let folder = "";
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "secrets-"));
  folder = join(parent, "data");
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

const file = (): string => join(folder, "secrets.json");
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

const keep = (given: GivenSecrets = NOTHING): DevelopmentSecrets => {
  const kept = keepSecrets(folder, given);
  if (kept.kind === "refused") throw new Error(kept.problem);
  return kept.secrets;
};

describe("keepSecrets", () => {
  it("makes strong secrets at the first start", () => {
    const secrets = keep();
    expect(secrets.developmentKey).toMatch(/^sk_dev_[A-Za-z0-9_-]{43}$/);
    expect(Buffer.from(secrets.otpSecret, "base64url")).toHaveLength(32);
    expect(Buffer.from(secrets.secretKey, "base64url")).toHaveLength(32);
    expect(secrets.otpSecret).not.toBe(secrets.secretKey);
    expect(createPrivateKey(secrets.proofPrivateKey).asymmetricKeyType).toBe("ed25519");
  });

  it("keeps them", () => {
    expect(keep()).toEqual(keep());
  });

  it("makes others elsewhere", () => {
    const here = keep();
    folder = join(parent, "other");
    expect(keep().otpSecret).not.toBe(here.otpSecret);
  });

  it("hides them from other users and leaves nothing else behind", () => {
    keep();
    expect(modeOf(file())).toBe("600");
    expect(modeOf(folder)).toBe("700");
    expect(readdirSync(folder)).toEqual(["secrets.json"]);
  });

  it("hides them again when somebody opened them", () => {
    keep();
    chmodSync(file(), 0o644);
    keep();
    expect(modeOf(file())).toBe("600");
  });

  it("lets what is given win, one by one, and does not write it", () => {
    const kept = keep();
    expect(keep({ ...NOTHING, otpSecret: "given by variable" })).toEqual({ ...kept, otpSecret: "given by variable" });
    expect(keep({ ...NOTHING, secretKey: "of the host" })).toEqual({ ...kept, secretKey: "of the host" });
    expect(readFileSync(file(), "utf8")).not.toContain("given by variable");
    expect(keep()).toEqual(kept);
  });

  it.each([
    ["empty", () => ""],
    ["cut short", (text: string) => text.slice(0, 100)],
    ["without a member", (text: string) => JSON.stringify({ ...JSON.parse(text), otpSecret: undefined })],
    ["with a weak secret", (text: string) => JSON.stringify({ ...JSON.parse(text), otpSecret: "weak" })],
    ["with a key that is none", (text: string) => JSON.stringify({ ...JSON.parse(text), proofPrivateKey: "none" })],
    ["something else", () => "[]"],
  ])("refuses a file that is %s, and leaves it alone", (_, damage) => {
    const secrets = keep();
    const damaged = damage(readFileSync(file(), "utf8"));
    writeFileSync(file(), damaged);
    const answer = keepSecrets(folder, NOTHING);
    expect(answer).toMatchObject({ kind: "refused", path: file(), problem: expect.stringContaining("delete it") });
    expect(JSON.stringify(answer)).not.toContain(secrets.secretKey);
    expect(readFileSync(file(), "utf8")).toBe(damaged);
  });

  it("refuses a folder that cannot be made", () => {
    writeFileSync(folder, "a file in its place");
    expect(keepSecrets(folder, NOTHING)).toMatchObject({
      kind: "refused",
      problem: expect.stringContaining("ENOTDIR"),
    });
  });

  it("gives processes that start at once the same secrets", async () => {
    const module = new URL("./secrets-file.ts", import.meta.url).href;
    const script = `
      const { keepSecrets } = await import(${JSON.stringify(module)});
      const given = { otpSecret: undefined, secretKey: undefined, proofPrivateKey: undefined };
      while (Date.now() < Number(process.argv[1])) {}
      console.log(keepSecrets(process.argv[2], given).secrets.otpSecret);`;
    const barrier = String(Date.now() + 1_500);
    const runs = await Promise.all(
      Array.from({ length: 4 }, () =>
        promisify(execFile)(process.execPath, ["--input-type=module", "-e", script, barrier, folder]),
      ),
    );
    const answers = new Set(runs.map((run) => run.stdout.trim()));
    expect(answers).toEqual(new Set([keep().otpSecret]));
    expect(existsSync(file())).toBe(true);
    expect(readdirSync(folder)).toEqual(["secrets.json"]);
  });
});
