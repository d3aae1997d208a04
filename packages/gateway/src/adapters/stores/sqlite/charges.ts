import type { DatabaseSync } from "node:sqlite";
import type { Channel } from "@mestore/sms-gateway-contract";
import {
  type Bucket,
  bucketStart,
  type Charge,
  type ChargeNote,
  decideBuckets,
  decideCharge,
  longest,
  longestWindowMs,
  lowestLimit,
  type Refusal,
  type SendRecord,
  toChargeNote,
} from "../../../domain/limits.ts";
import { prepare } from "./statement.ts";

interface SendRow {
  readonly at: number;
  readonly channel: Channel;
  readonly released: number;
}

export type ReadSends = (charge: Charge, now: number) => readonly SendRecord[];

/** The sends of one counter within its longest window, newest first. */
export function createSendReader(database: DatabaseSync): ReadSends {
  const select = prepare<SendRow>(
    database,
    "select at, channel, released from sends where dimension = ? and key = ? and at > ? order by at desc",
  );
  return (charge, now) =>
    select
      .all(charge.dimension, charge.key, now - longestWindowMs(charge))
      .map((row) => ({ at: row.at, channel: row.channel, released: row.released === 1 }));
}

/** Who sent what when. Its functions run inside a step of the writer. */
export interface ChargeBook {
  /** One decision over all dimensions; writes nothing. */
  decide(charges: readonly Charge[], now: number): Refusal | null;
  /** @returns what to keep with the message */
  write(charges: readonly Charge[], send: { messageId: string; channel: Channel; at: number }): string;
  /** Gives back what `write` charged; tries stay. */
  release(note: string, send: { messageId: string; at: number }): void;
  reset(charge: Charge): void;
}

export function createChargeBook(database: DatabaseSync): ChargeBook {
  const readSends = createSendReader(database);
  const insertSend = prepare(
    database,
    "insert into sends (dimension, key, at, message_id, channel, released) values (?, ?, ?, ?, ?, 0)",
  );
  const releaseSend = prepare(
    database,
    "update sends set released = 1 where dimension = ? and key = ? and at = ? and message_id = ?",
  );
  const deleteSends = prepare(database, "delete from sends where dimension = ? and key = ?");
  const selectBuckets = prepare<Bucket>(
    database,
    "select start, count from send_buckets where dimension = ? and key = ? and start > ? order by start",
  );
  const sumBuckets = prepare<{ total: number }>(
    database,
    "select total(count) as total from send_buckets where dimension = ? and key = ? and start > ?",
  );
  const addToBucket = prepare(
    database,
    "insert into send_buckets (dimension, key, start, count) values (?, ?, ?, 1) on conflict do update set count = count + 1",
  );
  const takeFromBucket = prepare(
    database,
    "update send_buckets set count = count - 1 where dimension = ? and key = ? and start = ? and count > 0",
  );
  const deleteBuckets = prepare(database, "delete from send_buckets where dimension = ? and key = ?");

  const decideOne = (charge: Charge, now: number): Refusal | null => {
    if (charge.bucketMs === undefined) return decideCharge(charge, readSends(charge, now), now);
    const from = now - longestWindowMs(charge) - charge.bucketMs;
    const { total } = sumBuckets.get(charge.dimension, charge.key, from) ?? { total: 0 };
    // Nearly always far below the cap: then the single buckets do not matter.
    if (total < lowestLimit(charge)) return null;
    return decideBuckets(charge, selectBuckets.all(charge.dimension, charge.key, from), now);
  };

  return {
    decide: (charges, now) =>
      charges.reduce<Refusal | null>((refusal, charge) => longest(refusal, decideOne(charge, now)), null),
    write: (charges, { messageId, channel, at }) => {
      for (const { dimension, key, bucketMs } of charges) {
        if (bucketMs === undefined) insertSend.run(dimension, key, at, messageId, channel);
        else addToBucket.run(dimension, key, bucketStart(at, bucketMs));
      }
      return JSON.stringify(toChargeNote(charges));
    },
    release: (note, { messageId, at }) => {
      for (const [dimension, key, bucketMs] of JSON.parse(note) as ChargeNote) {
        if (bucketMs === 0) releaseSend.run(dimension, key, at, messageId);
        else takeFromBucket.run(dimension, key, bucketStart(at, bucketMs));
      }
    },
    reset: ({ dimension, key, bucketMs }) => {
      if (bucketMs === undefined) deleteSends.run(dimension, key);
      else deleteBuckets.run(dimension, key);
    },
  };
}
