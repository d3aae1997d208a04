import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readPrices } from "./prices.ts";

const filesWith = (text: string) => ({ rootFolder: "/srv/gateway", readFile: () => text });

describe("PRICES_FILE", () => {
  it("is found where the .env is, and read", () => {
    const asked: string[] = [];
    const readFile = (path: string): string => {
      asked.push(path);
      return "provider,channel,country,price,currency\ntwilio,sms,CO,0.05,USD\n";
    };
    const { prices, problems } = readPrices("prices.csv", { rootFolder: "/srv/gateway", readFile });
    expect([asked, problems, prices.length]).toEqual([["/srv/gateway/prices.csv"], [], 1]);
  });

  it("names its broken lines", () => {
    const { problems } = readPrices(
      "p.csv",
      filesWith("provider,channel,country,price,currency\ntwilio,sms,CO,free,USD"),
    );
    expect(problems).toEqual([{ name: "PRICES_FILE", problem: expect.stringMatching(/^line 2 the price must/) }]);
  });

  it("is told to be missing", () => {
    const readFile = (): string => {
      throw Object.assign(new Error("no"), { code: "ENOENT" });
    };
    const { problems } = readPrices("p.csv", { rootFolder: "/srv", readFile });
    expect(problems).toEqual([{ name: "PRICES_FILE", problem: "names a file that cannot be read (ENOENT)" }]);
  });

  it("has an example, whose prices are yours to fill in", () => {
    const example = readFileSync(new URL("../../../../prices.example.csv", import.meta.url), "utf8");
    expect(readPrices("p.csv", filesWith(example))).toEqual({ prices: [], problems: [] });
    const filled = example.replace("# twilio", "twilio");
    expect(readPrices("p.csv", filesWith(filled)).prices).toHaveLength(1);
  });
});
