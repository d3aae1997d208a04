import type { Lane } from "@mestore/sms-gateway-contract";
import type { PauseStore } from "../../../ports/pause-store.ts";
import type { Pools } from "./connection.ts";
import { rowsOf, type Statement } from "./transaction.ts";

const INSERT: Statement = {
  name: "add_pause",
  text: "insert into pauses (lane, country, since) values ($1, $2, $3) on conflict (lane, country) do nothing",
};
const DELETE: Statement = { name: "remove_pause", text: "delete from pauses where lane = $1 and country = $2" };
const DELETE_ALL: Statement = { name: "remove_pauses", text: "delete from pauses" };
const LIST: Statement = { name: "list_pauses", text: "select lane, country, since from pauses order by since" };

interface PauseRow {
  readonly lane: Lane | "";
  readonly country: string;
  readonly since: number;
}

/** "Every lane" and "every country" are empty texts here: null would not be unique. */
export const createPauses = ({ work, read }: Pools): PauseStore => ({
  addPause: async ({ lane, country, since }) => {
    await rowsOf(work, INSERT, [lane ?? "", country ?? "", since]);
  },
  removePauses: async (which) => {
    if (which === "all") await rowsOf(work, DELETE_ALL);
    else await rowsOf(work, DELETE, [which.lane ?? "", which.country ?? ""]);
  },
  listPauses: async () =>
    (await rowsOf<PauseRow>(read, LIST)).map(({ lane, country, since }) => ({
      lane: lane === "" ? null : lane,
      country: country === "" ? null : country,
      since,
    })),
});
