import { describe, expect, it } from "vitest";
import { assertApplies } from "./mutate.ts";
import { ROWS } from "./rows.ts";

const ROW_MS = 60_000;

describe("what the gateway promises, small", () => {
  for (const { id, title, run } of ROWS) {
    it(`${id}: ${title}`, { timeout: ROW_MS }, async () => {
      const figures = await run({ size: "small", report: () => undefined });
      expect(Object.keys(figures).length).toBeGreaterThan(0);
    });
  }
});

describe("the sabotage of each row", () => {
  it.each(ROWS)("still finds its place in the product: $id", (row) => {
    expect(() => assertApplies(row)).not.toThrow();
  });
});
