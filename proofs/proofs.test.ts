import { describe, expect, it } from "vitest";
import { freshDatabase, freshRedis } from "../packages/gateway/test/servers/fresh.ts";
import { assertApplies } from "./mutate.ts";
import { ENGINES, type Engine, type Row } from "./row.ts";
import { ROWS } from "./rows.ts";

const ROW_MS = 120_000;
const servers = { freshDatabase, freshRedis };

/** Rows with faults take their time; here each runs on the engine that has most to lose, in `npm run prove` on all. */
const isPlayed = ({ hasFaults, engines }: Row, engine: Engine): boolean =>
  hasFaults === true ? engines.at(-1) === engine : engines.includes(engine);

for (const engine of ENGINES) {
  describe(`what the gateway promises, small, on ${engine}`, () => {
    for (const { id, title, run } of ROWS.filter((row) => isPlayed(row, engine))) {
      it(`${id}: ${title}`, { timeout: ROW_MS }, async () => {
        const figures = await run({ size: "small", engine, servers, report: () => undefined });
        expect(Object.keys(figures).length).toBeGreaterThan(0);
      });
    }
  });
}

describe("the sabotage of each row", () => {
  it.each(ROWS)("still finds its place in the product: $id", (row) => {
    expect(() => assertApplies(row)).not.toThrow();
  });
});
