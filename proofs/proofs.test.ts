import { describe, expect, it } from "vitest";
import { freshDatabase, freshRedis } from "../packages/gateway/test/servers/fresh.ts";
import { assertApplies } from "./mutate.ts";
import { ENGINES } from "./row.ts";
import { ROWS } from "./rows.ts";

const ROW_MS = 120_000;
const servers = { freshDatabase, freshRedis };

for (const engine of ENGINES) {
  describe(`what the gateway promises, small, on ${engine}`, () => {
    for (const { id, title, run } of ROWS.filter(({ engines }) => engines.includes(engine))) {
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
