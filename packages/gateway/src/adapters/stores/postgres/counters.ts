import {
  type Charge,
  decideCharge,
  longest,
  longestWindowMs,
  type Refusal,
  type SendRecord,
} from "../../../domain/limits.ts";
import type { SendRow } from "./columns.ts";
import type { ReadRows, Statement, Transaction } from "./transaction.ts";

const READ: Statement = {
  name: "read_counters",
  text: `select c.i, s.at, s.channel, s.released
    from unnest($1::text[], $2::text[], $3::int8[]) with ordinality as c (dimension, key, since, i)
    join sends s on s.key = c.key and s.dimension = c.dimension and s.at > c.since
    order by c.i, s.at desc`,
};

/** One counter to read, since when. */
export interface CounterRange {
  readonly dimension: string;
  readonly key: string;
  readonly since: number;
}

/** The sends of each counter, newest first, in the order of the ranges. */
export async function readCounters(read: ReadRows, ranges: readonly CounterRange[]): Promise<readonly SendRecord[][]> {
  const records: SendRecord[][] = ranges.map(() => []);
  if (ranges.length === 0) return records;
  const rows = await read<SendRow & { readonly i: number }>(READ, [
    ranges.map(({ dimension }) => dimension),
    ranges.map(({ key }) => key),
    ranges.map(({ since }) => since),
  ]);
  for (const { i, at, channel, released } of rows) records[i - 1]?.push({ at, channel, released });
  return records;
}

const nameOf = ({ dimension, key }: Pick<Charge, "dimension" | "key">): string => `${dimension}:${key}`;

/** What is locked while a counter is decided. */
export const counterLock = nameOf;

/** The counters of one batch: read once, decided in memory, so that its steps see each other. */
export interface CounterBook {
  /** Over the counters that are kept send by send. */
  decide(charges: readonly Charge[], now: number): Refusal | null;
  add(charges: readonly Charge[], record: SendRecord): void;
}

const isExact = ({ bucketMs }: Charge): boolean => bucketMs === undefined;

/** @param steps what each step is charged to, and when */
export async function readBook(
  transaction: Transaction,
  steps: readonly { readonly charges: readonly Charge[]; readonly now: number }[],
): Promise<CounterBook> {
  const ranges = new Map<string, CounterRange>();
  for (const { charges, now } of steps) {
    for (const charge of charges.filter(isExact)) {
      const { dimension, key } = charge;
      const since = now - longestWindowMs(charge);
      const known = ranges.get(nameOf(charge));
      if (known === undefined || since < known.since) ranges.set(nameOf(charge), { dimension, key, since });
    }
  }
  const names = [...ranges.keys()];
  const read = await readCounters(transaction.rows, [...ranges.values()]);
  const records = new Map(names.map((name, index) => [name, read[index] ?? []]));
  const recordsOf = (charge: Charge): SendRecord[] => records.get(nameOf(charge)) ?? [];
  return {
    decide: (charges, now) =>
      charges
        .filter(isExact)
        .reduce<Refusal | null>((refusal, c) => longest(refusal, decideCharge(c, recordsOf(c), now)), null),
    add: (charges, record) => {
      for (const charge of charges.filter(isExact)) {
        const sends = recordsOf(charge);
        const at = sends.findIndex((send) => send.at <= record.at);
        sends.splice(at === -1 ? sends.length : at, 0, record);
      }
    },
  };
}

export interface NewSend {
  readonly messageId: string;
  readonly charges: readonly Charge[];
  readonly channel: string;
  readonly at: number;
}

const INSERT: Statement = {
  name: "insert_sends",
  text: `insert into sends (dimension, key, at, message_id, channel, released)
    select dimension, key, at, message_id, channel, false
    from json_to_recordset($1) as n (dimension text, key text, at int8, message_id text, channel text)`,
};

/** Writes what the steps of a batch are charged to. */
export function insertSends(transaction: Transaction, sends: readonly NewSend[]): void {
  const rows = sends.flatMap(({ messageId, charges, channel, at }) =>
    charges.filter(isExact).map(({ dimension, key }) => ({ dimension, key, at, message_id: messageId, channel })),
  );
  if (rows.length > 0) transaction.send(INSERT, [JSON.stringify(rows)]);
}
