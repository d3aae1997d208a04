import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";

export type ServeLock =
  | { readonly kind: "held"; release(): void }
  /** Another server has the file. */
  | { readonly kind: "taken"; readonly holder: string };

const readHolder = (path: string): string => {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "another process";
  }
};

/**
 * Takes the right to serve a database file. The system drops the lock when the process dies, however it dies.
 *
 * @param databasePath absolute; two small files appear beside it
 * @param holder what the next one is told, such as "process 4711 on port 8000"
 */
export function takeServeLock(databasePath: string, holder: string): ServeLock {
  mkdirSync(dirname(databasePath), { recursive: true, mode: 0o700 });
  const holderPath = `${databasePath}.serving`;
  const database = new DatabaseSync(`${databasePath}.lock`, { timeout: 0 });
  try {
    database.exec("pragma journal_mode = off; begin exclusive");
  } catch {
    database.close();
    return { kind: "taken", holder: readHolder(holderPath) };
  }
  writeFileSync(holderPath, holder);
  return { kind: "held", release: () => database.close() };
}
