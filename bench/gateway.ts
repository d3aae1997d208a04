import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { type Server, startServer } from "./child.ts";

const MAIN = new URL("../packages/gateway/src/main.ts", import.meta.url).pathname;
const DELIVERED_WITHIN_MS = 30_000;
const POLL_MS = 100;

/** Every limit counts and none refuses: each number is used once, what they share is raised. */
const RAISED_LIMITS = {
  SMS_RATE_LIMIT_GLOBAL: "1000000",
  SMS_RATE_LIMIT_PER_BLOCK: "100000",
  SMS_RATE_LIMIT_PER_CLIENT: "100000",
} as const;

/** A folder of its own for one gateway: database and secrets. */
export interface Home {
  readonly folder: string;
  remove(): void;
}

export function makeHome(): Home {
  const folder = mkdtempSync(join(tmpdir(), "gateway-bench-"));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Starts what `npm start` starts, in development on an empty or a used folder. */
export const startGateway = ({ folder }: Home, nodeOptions: readonly string[] = []): Promise<Server> =>
  startServer({
    args: [...nodeOptions, MAIN],
    cwd: folder,
    env: { DATABASE_URL: `sqlite:${join(folder, "gateway.db")}`, TRUST_PROXY: "127.0.0.1", ...RAISED_LIMITS },
  });

/** The API key that a first start in development made. */
export function readDevelopmentKey({ folder }: Home): string {
  const secrets: unknown = JSON.parse(readFileSync(join(folder, "secrets.json"), "utf8"));
  if (typeof secrets === "object" && secrets !== null && "developmentKey" in secrets) {
    return String(secrets.developmentKey);
  }
  throw new Error("the gateway made no development key");
}

/** Codes by number, for all of `phones`; waits for those that are still on their way to the inbox. */
export async function readCodes({ folder }: Home, phones: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const database = new DatabaseSync(join(folder, "gateway.db"), { readOnly: true, timeout: 1_000 });
  try {
    const select = database.prepare("select to_address, code from inbox order by seq");
    const giveUpAt = performance.now() + DELIVERED_WITHIN_MS;
    for (;;) {
      const codes = new Map(select.all().map((row) => [String(row["to_address"]), String(row["code"])]));
      if (phones.every((phone) => codes.has(phone))) return codes;
      if (performance.now() > giveUpAt) throw new Error("some codes never reached the inbox");
      await sleep(POLL_MS);
    }
  } finally {
    database.close();
  }
}
