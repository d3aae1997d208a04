import type { Store } from "../../../ports/store.ts";
import { openPools, unavailable } from "./connection.ts";
import { createContacts } from "./contacts.ts";
import { createEventReader } from "./events.ts";
import { type BatchReport, type CreateGroup, createGroup, type Group } from "./group.ts";
import { createIdempotency } from "./idempotency.ts";
import { createInbox } from "./inbox.ts";
import { createKeys } from "./keys.ts";
import { createLimits } from "./limits.ts";
import { migrate } from "./migrations.ts";
import { createMoves } from "./moves.ts";
import { createOptOuts } from "./opt-outs.ts";
import { createOutbox } from "./outbox.ts";
import { createPauses } from "./pauses.ts";
import { createRetention } from "./retention.ts";
import { createSlices } from "./slices.ts";
import { rowsOf, type Statement } from "./transaction.ts";
import { createVerifications } from "./verifications.ts";
import { createWebhookDeliveries } from "./webhook-deliveries.ts";
import { createWebhooks } from "./webhooks.ts";

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database` */
  readonly url: string;
  /** Called after each commit, with how many steps it held. */
  readonly onBatch?: (report: BatchReport) => void;
  /** Steps in a commit at the most; 1 switches the grouping off, for measurements. */
  readonly maxSteps?: number;
}

const PING: Statement = {
  name: "ping",
  text: "select pg_is_in_recovery() or current_setting('transaction_read_only') = 'on' as \"isReadOnly\"",
};
const TIME: Statement = {
  name: "time",
  text: "select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms",
};

/** Opens the store of many processes and brings its schema up to date. */
export async function createPostgresStore(options: PostgresOptions): Promise<Store> {
  const { url, onBatch = () => undefined, maxSteps } = options;
  await migrate(url);
  const pools = openPools(url);
  const groups: Pick<Group<never, unknown>, "close">[] = [];
  const make =
    (report: typeof onBatch): CreateGroup =>
    (how) => {
      const made = createGroup({ ...how, onBatch: report, maxSteps });
      groups.push(made);
      return made;
    };
  const group = make(onBatch);
  const gather = make(() => undefined);
  const slices = createSlices(pools.work);
  const { work, read } = pools;
  const moves = createMoves(work, group);
  let isClosed = false;

  return {
    engine: "postgres",
    ...createVerifications({ pools, slices, group, gather }),
    ...createOutbox({ work, read, slices, group }),
    ...moves.port,
    ...createIdempotency(work, group),
    ...createContacts(pools),
    ...createKeys(pools),
    ...createPauses(pools),
    ...createOptOuts(pools),
    ...createEventReader(read),
    ...createInbox(pools, group),
    ...createLimits({ pools, slices, gather }),
    ...createWebhooks(pools),
    ...createWebhookDeliveries(pools),
    ...createRetention(pools, moves),
    readTime: async () => {
      const [row] = await rowsOf<{ ms: number }>(read, TIME);
      return row?.ms ?? null;
    },
    ping: async () => {
      if (isClosed) throw unavailable("the store is closed");
      const [row] = await rowsOf<{ isReadOnly: boolean }>(read, PING);
      if (row?.isReadOnly !== false) throw unavailable("the database takes no writes");
    },
    close: async () => {
      isClosed = true;
      await Promise.all(groups.map((each) => each.close()));
      await pools.end();
    },
  };
}
