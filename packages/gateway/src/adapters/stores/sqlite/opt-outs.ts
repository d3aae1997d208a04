import type { DatabaseSync } from "node:sqlite";
import { ALL_CATEGORIES, type OptOut } from "../../../domain/opt-out.ts";
import type { OptOutStore } from "../../../ports/opt-out-store.ts";
import { prepare } from "./statement.ts";
import type { Writer } from "./writer.ts";

/** Inside a step of the writer: whether an address wants no messages of a category. */
export type IsOptedOut = (address: string, category: string) => boolean;

export function createOptOutReader(database: DatabaseSync): IsOptedOut {
  const find = prepare<{ found: number }>(
    database,
    `select 1 as found from opt_outs where address = ? and category in (?, '${ALL_CATEGORIES}') limit 1`,
  );
  return (address, category) => find.get(address, category) !== undefined;
}

export function createOptOuts(database: DatabaseSync, reader: DatabaseSync, writer: Writer): OptOutStore {
  const insert = prepare(
    database,
    "insert into opt_outs (address, category, since, source) values (?, ?, ?, ?) on conflict do nothing",
  );
  const remove = prepare(database, "delete from opt_outs where address = ?1 and (?2 is null or category = ?2)");
  const list = prepare<OptOut>(
    reader,
    `select address, category, since, source from opt_outs where ?1 is null or address = ?1
       order by since desc, address, category limit ?2`,
  );
  return {
    addOptOut: ({ address, category, since, source }) =>
      writer.run(() => {
        insert.run(address, category, since, source);
      }),
    removeOptOuts: (address, category) => writer.run(() => Number(remove.run(address, category)) > 0),
    listOptOuts: async ({ address, limit }) => list.all(address ?? null, limit),
  };
}
