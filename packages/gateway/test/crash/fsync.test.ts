import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type GatewayProcess, startProcess } from "./gateway-process.ts";
import { clientOf } from "./load.ts";

const SEQUENTIAL = 50;
const START_TIMEOUT_MS = 40_000;

let folder: string;
let trace: string;
let gateway: GatewayProcess;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "fsync-"));
  trace = join(folder, "trace");
  gateway = await startProcess({
    databasePath: join(folder, "gateway.db"),
    cwd: folder,
    under: ["strace", "-f", "-y", "-e", "trace=fdatasync,fsync", "-o", trace],
  });
}, START_TIMEOUT_MS);
afterAll(async () => {
  await gateway?.kill();
  rmSync(folder, { recursive: true, force: true });
});

/** How often the system was told to write the log of the database to the disk, and said that it had. */
const syncs = (): number =>
  readFileSync(trace, "utf8")
    .split("\n")
    .filter((line) => /\b(fdatasync|fsync)\(\d+<[^>]*gateway\.db-wal>\) += 0/.test(line)).length;

const start = (serial: number) =>
  clientOf(gateway).startVerification({ to: `+57${3_002_000_000 + serial}`, channel: "sms" });

/** A kill leaves the system's memory intact, so only the calls themselves show that a commit waits for the disk. */
describe("the disk", () => {
  it(
    "has every start before it is answered",
    async () => {
      const withoutSync: number[] = [];
      const before = syncs();
      for (let serial = 0; serial < SEQUENTIAL; serial++) {
        const seen = syncs();
        expect(await start(serial)).toMatchObject({ ok: true, status: 201 });
        if (syncs() === seen) withoutSync.push(serial);
      }
      expect(withoutSync).toEqual([]);
      expect(syncs() - before).toBeGreaterThanOrEqual(SEQUENTIAL);
    },
    START_TIMEOUT_MS,
  );
});
