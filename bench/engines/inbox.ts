import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "pg";

const DELIVERED_WITHIN_MS = 60_000;
const POLL_MS = 100;

/** What the simulated carrier was given. */
export interface Delivered {
  readonly seq: number;
  readonly to: string;
  /** Null for what is no code. */
  readonly code: string | null;
}

/** The table in which the simulated carrier keeps the newest ten thousand messages. */
export interface Inbox {
  /** In their order. */
  readAfter(seq: number): Promise<readonly Delivered[]>;
  close(): void;
}

export const sqliteInbox = (path: string): Inbox => {
  let database: DatabaseSync | null = null;
  return {
    readAfter: async (seq) => {
      database ??= new DatabaseSync(path, { readOnly: true, timeout: 1_000 });
      const rows = database.prepare("select seq, to_address, code from inbox where seq > ? order by seq").all(seq);
      return rows.map((row) => ({
        seq: Number(row["seq"]),
        to: String(row["to_address"]),
        code: row["code"] === null ? null : String(row["code"]),
      }));
    },
    close: () => database?.close(),
  };
};

/** @param client connected to the gateway's database; the caller ends it */
export const postgresInbox = (client: Client): Inbox => ({
  readAfter: async (seq) => {
    const text = 'select seq::int, to_address as "to", code from inbox where seq > $1 order by seq';
    return (await client.query<Delivered>(text, [seq])).rows;
  },
  close: () => undefined,
});

/** Codes by number, for all of `phones`; waits for those that are still on their way to the inbox. */
export async function readCodes(inbox: Inbox, phones: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const codes = new Map<string, string>();
  const giveUpAt = performance.now() + DELIVERED_WITHIN_MS;
  for (;;) {
    // From the start each time: rows of several processes become visible out of order.
    for (const { to, code } of await inbox.readAfter(0)) if (code !== null) codes.set(to, code);
    if (phones.every((phone) => codes.has(phone))) return codes;
    if (performance.now() > giveUpAt) throw new Error("some codes never reached the inbox");
    await sleep(POLL_MS);
  }
}
