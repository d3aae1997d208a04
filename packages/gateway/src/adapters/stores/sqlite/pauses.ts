import type { DatabaseSync } from "node:sqlite";
import type { Lane } from "@mestore/sms-gateway-contract";
import type { PauseStore } from "../../../ports/pause-store.ts";
import { prepare } from "./statement.ts";
import type { Writer } from "./writer.ts";

interface PauseRow {
  readonly lane: Lane | "";
  readonly country: string;
  readonly since: number;
}

/** "Every lane" and "every country" are empty texts here: null would not be unique. */
export function createPauses(database: DatabaseSync, reader: DatabaseSync, writer: Writer): PauseStore {
  const insert = prepare(database, "insert into pauses (lane, country, since) values (?, ?, ?) on conflict do nothing");
  const remove = prepare(database, "delete from pauses where lane = ? and country = ?");
  const removeAll = prepare(database, "delete from pauses");
  const list = prepare<PauseRow>(reader, "select * from pauses order by since");
  return {
    addPause: ({ lane, country, since }) =>
      writer.run(() => {
        insert.run(lane ?? "", country ?? "", since);
      }),
    removePauses: (which) =>
      writer.run(() => {
        if (which === "all") removeAll.run();
        else remove.run(which.lane ?? "", which.country ?? "");
      }),
    listPauses: async () =>
      list.all().map(({ lane, country, since }) => ({
        lane: lane === "" ? null : lane,
        country: country === "" ? null : country,
        since,
      })),
  };
}
