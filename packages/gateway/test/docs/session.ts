import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InboxPage } from "@mestore/sms-gateway-contract";
import { createSystemClock } from "../../src/adapters/system.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { startGateway } from "../start-gateway.ts";
import { runBash } from "./bash.ts";
import { ROOT } from "./markdown.ts";
import { type Run, SHOWN_CODE, SHOWN_ORIGIN, SHOWN_RECEIVER, showOutput } from "./volatile.ts";

/** Time itself is slow, so that no wait in a document changes while it runs; sleep is short. */
const SLOWER_NOW = 1_000;
const SHORTER_SLEEP = 4;
/** Until a receipt, which comes 400 ms after the send, is in. */
const BETWEEN_COMMANDS_MS = 150;

/** A shell in front of a fresh gateway, as the reader of a document has it. */
export interface Session {
  /** Runs commands; variables they set stay. Throws with their errors when one fails. */
  run(commands: string): Promise<string>;
  /** Writes an output as documents show it. */
  show(printed: string, language: string): Promise<string>;
  /** Puts a file beside the commands. */
  write(name: string, text: string): void;
  stop(): Promise<void>;
}

/** A port that was free a moment ago: proofs and problem types name it, so it must be known before the start. */
const findFreePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });

/** @param env settings of the gateway that the document asks for */
export async function openSession(env: Readonly<Record<string, string>> = {}): Promise<Session> {
  const machine = createSystemClock();
  const startedAt = machine.now();
  const clock: Clock = {
    now: () => startedAt + Math.floor((machine.now() - startedAt) / SLOWER_NOW),
    sleep: (ms, signal) => machine.sleep(ms / SHORTER_SLEEP, signal),
  };
  const gateway = await startGateway({ PORT: String(await findFreePort()), ...env }, { clock });
  const folder = mkdtempSync(join(tmpdir(), "docs-"));
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  const origin = `localhost:${new URL(gateway.url).port}`;
  const receiverPort = String(await findFreePort());
  const toRun = (text: string): string =>
    text.replaceAll(SHOWN_ORIGIN, origin).replaceAll(SHOWN_RECEIVER, receiverPort);
  const state = join(folder, ".variables");
  const variables = {
    PATH: `${join(ROOT, "node_modules/.bin")}:${process.env["PATH"]}`,
    HOME: folder,
    KEY: gateway.apiKey,
    PORT: String(new URL(gateway.url).port),
    DATABASE_URL: `sqlite:${join(gateway.folder, "gateway.db")}`,
    NO_UPDATE_NOTIFIER: "1",
    ...env,
  };

  const readCodes = async (): Promise<readonly string[]> => {
    const headers = { authorization: `Bearer ${gateway.apiKey}` };
    const page = InboxPage.parse(await (await fetch(`${gateway.url}/v1/inbox?limit=200`, { headers })).json());
    return page.messages.flatMap(({ code }) => (code === null ? [] : [code]));
  };

  return {
    write: (name, text) => writeFileSync(join(folder, name), toRun(text)),
    run: async (commands) => {
      await machine.sleep(BETWEEN_COMMANDS_MS);
      const [newest] = await readCodes();
      const script = toRun(commands).replaceAll(SHOWN_CODE, newest ?? SHOWN_CODE);
      const before = existsSync(state) ? `source ${state}\n` : "";
      return runBash(`${before}set -a\n${script}\nexport -p > ${state}`, { cwd: folder, env: variables });
    },
    show: async (printed, language) => {
      const run: Run = { startedAt, origin, receiverPort, codes: await readCodes() };
      return showOutput(printed, language, run);
    },
    stop: async () => {
      await gateway.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
