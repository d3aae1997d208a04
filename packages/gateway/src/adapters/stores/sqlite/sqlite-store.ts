import type { Store } from "../../../ports/store.ts";
import { createAttempts } from "./attempts.ts";
import { createChargeBook, createSendReader } from "./charges.ts";
import { openReader, openWriter } from "./connection.ts";
import { createContacts } from "./contacts.ts";
import { createEventAppender, createEventReader } from "./events.ts";
import { createFirstAnswerKeeper, createIdempotency } from "./idempotency.ts";
import { createInbox } from "./inbox.ts";
import { createKeys } from "./keys.ts";
import { createMessageInserter, createOutbox } from "./messages.ts";
import { migrate } from "./migrations.ts";
import { createOptOutReader, createOptOuts } from "./opt-outs.ts";
import { createPauses } from "./pauses.ts";
import { createRetention } from "./retention.ts";
import { prepare } from "./statement.ts";
import { createVerifications } from "./verifications.ts";
import { createWebhookDeliveries } from "./webhook-deliveries.ts";
import { createWebhooks } from "./webhooks.ts";
import { type BatchReport, createWriter } from "./writer.ts";

export interface SqliteOptions {
  /** Absolute path of the database file; made when missing. */
  readonly path: string;
  /** Called after each commit, with how many steps it held. */
  readonly onBatch?: (report: BatchReport) => void;
  /** Steps in a commit at the most; 1 switches the grouping off, for measurements. */
  readonly maxSteps?: number;
}

/** Opens the embedded store and brings its schema up to date. */
export async function createSqliteStore(options: SqliteOptions): Promise<Store> {
  const { path, onBatch = () => undefined, maxSteps } = options;
  const database = openWriter(path);
  await migrate(database);
  const reader = openReader(path);
  const writer = createWriter(database, { onBatch, maxSteps });
  const book = createChargeBook(database);
  const append = createEventAppender(database);
  const insertMessage = createMessageInserter(database);
  const keepFirstAnswer = createFirstAnswerKeeper(database);
  const isOptedOut = createOptOutReader(database);
  const parts = { database, reader, writer, book, append, insertMessage, keepFirstAnswer, isOptedOut };
  const attempts = createAttempts(parts);
  const readSends = createSendReader(reader);
  const forgetGuesses = prepare(database, "delete from guesses where address = ?");

  return {
    engine: "sqlite",
    ...createVerifications(parts),
    ...createOutbox(parts),
    ...attempts.port,
    ...createIdempotency(database, writer),
    ...createContacts(database, reader, writer),
    ...createKeys(database, reader, writer),
    ...createPauses(database, reader, writer),
    ...createOptOuts(database, reader, writer),
    ...createEventReader(reader),
    ...createInbox(database, reader, writer),
    ...createWebhooks(database, reader, writer),
    ...createWebhookDeliveries(parts),
    ...createRetention({ database, writer, expireOverdue: attempts.expireOverdue }),
    readSends: async (charge, now) => readSends(charge, now),
    resetNumber: (phone, charges) =>
      writer.run(() => {
        for (const charge of charges) book.reset(charge);
        forgetGuesses.run(phone);
      }),
    readTime: async () => null,
    ping: () => writer.run(() => undefined),
    close: async () => {
      await writer.close();
      reader.close();
      database.close();
    },
  };
}
