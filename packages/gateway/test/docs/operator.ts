import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createGatewayClient, type GatewayClient } from "@mestore/sms-gateway-client";
import { expect } from "vitest";
import { type RunningGateway, type ServeOptions, serve } from "../../src/serve.ts";
import { findPostgresPrograms } from "../servers/postgres-programs.ts";
import { runBash } from "./bash.ts";
import { ROOT, readDoc, readFences } from "./markdown.ts";

/** The headings of docs/operations.md that have commands; the tests run all of them. */
export const COMMAND_HEADINGS = [
  "SQLite",
  "PostgreSQL",
  "API keys",
  "Database password",
  "Redis password",
  "Upgrade",
  "PostgreSQL settings",
] as const;

/** The `sh` blocks under one heading of docs/operations.md, in order. */
export function blocksUnder(heading: (typeof COMMAND_HEADINGS)[number]): readonly string[] {
  const document = readDoc("docs/operations.md");
  const [, part = ""] = document.split(new RegExp(`^#+ ${heading}$`, "m"));
  const fences = readFences(part.slice(0, part.search(/^#{2,} /m)));
  return fences.flatMap(({ language, text }) => (language === "sh" ? [text] : []));
}

/** The same, cut where a comment says what a person does in between. */
export const stepsUnder = (heading: (typeof COMMAND_HEADINGS)[number]): readonly string[] =>
  blocksUnder(heading).flatMap((block) => block.split(/^# .*\n/m));

export const randomSecret = (): string => randomBytes(32).toString("base64url");

/** The secrets that a backup must hold, as variables. */
export function makeSecrets(): Readonly<Record<string, string>> {
  const { privateKey } = generateKeyPairSync("ed25519");
  return {
    OTP_SECRET: randomSecret(),
    SECRET_KEY: randomSecret(),
    PROOF_PRIVATE_KEY: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

/** A gateway that runs in this process, and a caller with the key of a laptop. */
export interface Served {
  readonly running: RunningGateway;
  readonly client: GatewayClient;
  callAs(apiKey: string): GatewayClient;
  stop(): Promise<void>;
}

/** One machine: a folder, a shell in it, and gateways that are started and stopped there. */
export interface OperatorMachine {
  readonly folder: string;
  start(env: Readonly<Record<string, string>>, options?: ServeOptions): Promise<Served>;
  /** Runs commands of a document; `env` is what its reader has set. */
  run(commands: string, env?: Readonly<Record<string, string>>): Promise<string>;
  /** Stops what still runs, and removes the folder. */
  remove(): Promise<void>;
}

export function createOperatorMachine(): OperatorMachine {
  const folder = mkdtempSync(join(tmpdir(), "operations-"));
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  const stops = new Set<() => Promise<void>>();
  const path = [join(ROOT, "node_modules/.bin"), findPostgresPrograms() ?? "", process.env["PATH"] ?? ""];
  return {
    folder,
    start: async (env, options = {}) => {
      const running = await serve({ env: { PORT: "0", LOG_LEVEL: "silent", ...env }, cwd: folder }, options);
      const callAs = (apiKey: string): GatewayClient => createGatewayClient({ baseUrl: running.url, apiKey });
      const stop = async (): Promise<void> => {
        if (stops.delete(stop)) await running.stop();
      };
      stops.add(stop);
      return { running, client: callAs(running.secrets.developmentKey ?? ""), callAs, stop };
    },
    run: (commands, env = {}) =>
      runBash(commands, { cwd: folder, env: { PATH: path.join(delimiter), HOME: folder, ...env } }),
    remove: async () => {
      await Promise.all([...stops].map((stop) => stop()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Sends a code to a number, and reads it in the inbox. */
export async function sendCode(
  { client }: Pick<Served, "client">,
  to: string,
): Promise<{ readonly id: string; readonly code: string }> {
  const started = await client.startVerification({ to, channel: "sms" });
  if (!started.ok) throw new Error(`${started.status} ${started.error.code}`);
  const arrived = await client.inbox.wait({ to, timeout: 5 });
  if (!arrived.ok) throw new Error(`${arrived.status} ${arrived.error.code}`);
  const { code } = arrived.data;
  if (code === null) throw new Error("a message without a code");
  return { id: started.data.id, code };
}

/** The status that a check leads to, or the error it ends with. */
export async function checkCode(
  { client }: Pick<Served, "client">,
  { id, code }: { readonly id: string; readonly code: string },
): Promise<string> {
  const checked = await client.checkVerification(id, { code });
  return checked.ok ? checked.data.status : checked.error.code;
}

export async function expectReady({ running }: Served): Promise<void> {
  expect((await fetch(`${running.url}/readyz`)).status).toBe(200);
}
