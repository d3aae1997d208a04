import { describe, expect, it } from "vitest";
import { assertApplies } from "../mutate.ts";
import { ROWS } from "../rows.ts";

describe("the sabotage of each row", () => {
  it.each(ROWS)("still finds its place in the product: $id", (row) => {
    expect(() => assertApplies(row)).not.toThrow();
  });
});
