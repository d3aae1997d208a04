import { ALL_CATEGORIES, type OptOut } from "../../../domain/opt-out.ts";
import type { OptOutStore } from "../../../ports/opt-out-store.ts";
import type { Pools } from "./connection.ts";
import { type ReadRows, rowsOf, type Statement } from "./transaction.ts";

const FIND: Statement = {
  name: "find_opt_outs",
  text: `select n.i from unnest($1::text[], $2::text[]) with ordinality as n (address, category, i)
    where exists (select from opt_outs o
      where o.address = n.address and o.category in (n.category, '${ALL_CATEGORIES}'))`,
};
const INSERT: Statement = {
  name: "add_opt_out",
  text: `insert into opt_outs (address, category, since, source) values ($1, $2, $3, $4)
    on conflict (address, category) do nothing`,
};
const DELETE: Statement = {
  name: "remove_opt_outs",
  text: "delete from opt_outs where address = $1 and ($2::text is null or category = $2) returning category",
};
const LIST: Statement = {
  name: "list_opt_outs",
  text: "select address, category, since, source from opt_outs order by since desc, address, category limit $1",
};
const LIST_OF: Statement = {
  name: "list_opt_outs_of",
  text: "select address, category, since, source from opt_outs where address = $1 order by since desc, category limit $2",
};

/** What is about to be sent. */
export interface Wanted {
  readonly address: string;
  readonly category: string;
}

/** Which of some sends, by their place, nobody wants. */
export async function readOptedOut(read: ReadRows, sends: readonly Wanted[]): Promise<ReadonlySet<number>> {
  const rows = await read<{ readonly i: number }>(FIND, [
    sends.map(({ address }) => address),
    sends.map(({ category }) => category),
  ]);
  return new Set(rows.map(({ i }) => Number(i) - 1));
}

export const createOptOuts = ({ work, read }: Pools): OptOutStore => ({
  addOptOut: async ({ address, category, since, source }) => {
    await rowsOf(work, INSERT, [address, category, since, source]);
  },
  removeOptOuts: async (address, category) => (await rowsOf(work, DELETE, [address, category])).length > 0,
  listOptOuts: ({ address, limit }) =>
    address === undefined ? rowsOf<OptOut>(read, LIST, [limit]) : rowsOf<OptOut>(read, LIST_OF, [address, limit]),
});
