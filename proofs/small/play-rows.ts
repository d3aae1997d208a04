import { describe, expect, it } from "vitest";
import { freshDatabase, freshRedis } from "../../packages/gateway/test/servers/fresh.ts";
import type { Engine, Row } from "../row.ts";
import { ROWS } from "../rows.ts";

const ROW_MS = 120_000;
const servers = { freshDatabase, freshRedis };

const play = ({ id, title, run }: Row, engine: Engine): void => {
  it(`${id}: ${title}`, { timeout: ROW_MS }, async () => {
    const figures = await run({ size: "small", engine, servers, report: () => undefined });
    expect(Object.keys(figures).length).toBeGreaterThan(0);
  });
};

/** The rows without faults, small, on one engine. A file for each engine, so that they run side by side. */
export function playRows(engine: Engine): void {
  describe(`what the gateway promises, small, on ${engine}`, () => {
    for (const row of ROWS) if (row.hasFaults !== true && row.engines.includes(engine)) play(row, engine);
  });
}

/** Rows with faults take their time: here each runs on the engine that has most to lose, in `npm run prove` on all. */
export function playFaults(): void {
  describe("what the gateway survives, small", () => {
    for (const row of ROWS) if (row.hasFaults === true) play(row, row.engines.at(-1) ?? "sqlite");
  });
}
