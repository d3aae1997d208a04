import type { DatabaseSync } from "node:sqlite";
import type { Channel, MessageState } from "@mestore/sms-gateway-contract";
import type { InboxEntry, InboxStore } from "../../../ports/inbox-store.ts";
import { prepare } from "./statement.ts";
import type { Writer } from "./writer.ts";

const MAX_ENTRIES = 10_000;

interface InboxRow {
  readonly seq: number;
  readonly id: string;
  readonly message_id: string;
  readonly channel: Channel;
  readonly to_address: string;
  readonly subject: string | null;
  readonly text: string;
  readonly html: string | null;
  readonly code: string | null;
  readonly at: number;
  readonly state: MessageState | null;
}

const toEntry = (row: InboxRow): InboxEntry => ({
  id: row.id,
  seq: row.seq,
  messageId: row.message_id,
  channel: row.channel,
  to: row.to_address,
  subject: row.subject,
  text: row.text,
  html: row.html,
  code: row.code,
  at: row.at,
  state: row.state ?? "sent",
});

export function createInbox(database: DatabaseSync, reader: DatabaseSync, writer: Writer): InboxStore {
  const insert = prepare<{ seq: number }>(
    database,
    `insert into inbox (id, message_id, channel, to_address, subject, text, html, code, at)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?) returning seq`,
  );
  const trim = prepare(database, "delete from inbox where seq <= ?");
  const clear = prepare(database, "delete from inbox");
  const list = prepare<InboxRow>(
    reader,
    `select inbox.*, messages.state from inbox left join messages on messages.id = inbox.message_id
     where (?1 is null or inbox.to_address = ?1) and inbox.seq > ?2 order by inbox.seq desc limit ?3`,
  );
  const find = prepare<InboxRow>(
    reader,
    `select inbox.*, messages.state from inbox left join messages on messages.id = inbox.message_id
     where inbox.message_id = ? order by inbox.seq desc limit 1`,
  );
  return {
    addEntry: (e) =>
      writer.run(() => {
        const row = insert.get(e.id, e.messageId, e.channel, e.to, e.subject, e.text, e.html, e.code, e.at);
        if (row === undefined) throw new Error("the insert returned no row");
        if (row.seq > MAX_ENTRIES) trim.run(row.seq - MAX_ENTRIES);
        return row.seq;
      }),
    findEntry: async (messageId) => {
      const row = find.get(messageId);
      return row === undefined ? null : toEntry(row);
    },
    listEntries: async ({ to, afterSeq, limit }) => list.all(to ?? null, afterSeq ?? 0, limit).map(toEntry),
    clear: () =>
      writer.run(() => {
        clear.run();
      }),
  };
}
