import type { InboxEntry, InboxStore } from "../../../ports/inbox-store.ts";
import type { Pools } from "./connection.ts";
import type { CreateGroup } from "./group.ts";
import { rowsOf, type Statement } from "./transaction.ts";

const MAX_ENTRIES = 10_000;

const INSERT: Statement = {
  name: "add_inbox_entries",
  text: `insert into inbox (id, message_id, channel, to_address, subject, text, html, code, at)
    select id, "messageId", channel, "to", subject, text, html, code, at
    from json_to_recordset($1) as n (id text, "messageId" text, channel text, "to" text, subject text, text text, html text,
      code text, at int8)
    returning seq, id`,
};
const TRIM: Statement = { name: "trim_inbox", text: "delete from inbox where seq <= $1" };
const CLEAR: Statement = { name: "clear_inbox", text: "delete from inbox" };
const select = (where: string): string =>
  `select i.id, i.seq, i.message_id as "messageId", i.channel, i.to_address as "to", i.subject, i.text, i.html, i.code, i.at,
      coalesce(m.state, 'sent') as state
    from inbox i left join messages m on m.id = i.message_id where ${where} order by i.seq desc`;
const LIST: Statement = {
  name: "list_inbox",
  text: `${select("($1::text is null or i.to_address = $1) and i.seq > $2")} limit $3`,
};
const FIND: Statement = { name: "find_inbox_entry", text: `${select("i.message_id = $1")} limit 1` };

type NewEntry = Omit<InboxEntry, "seq" | "state">;

export function createInbox({ work, read }: Pools, group: CreateGroup): InboxStore {
  const entries = group<NewEntry, number>({
    keyOf: ({ id }) => id,
    run: async (steps) => {
      const rows = await rowsOf<{ seq: number; id: string }>(work, INSERT, [JSON.stringify(steps)]);
      const seqs = new Map(rows.map(({ id, seq }) => [id, seq]));
      const newest = Math.max(...seqs.values());
      if (newest > MAX_ENTRIES) await rowsOf(work, TRIM, [newest - MAX_ENTRIES]);
      return steps.map(({ id }) => ({ value: seqs.get(id) ?? newest }));
    },
  });
  return {
    addEntry: (entry) => entries.run(entry),
    findEntry: async (messageId) => (await rowsOf<InboxEntry>(read, FIND, [messageId]))[0] ?? null,
    listEntries: ({ to, afterSeq, limit }) => rowsOf<InboxEntry>(read, LIST, [to ?? null, afterSeq ?? 0, limit]),
    clear: async () => void (await rowsOf(work, CLEAR)),
  };
}
