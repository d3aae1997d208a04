import { accessSync, constants, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Where Debian and Ubuntu keep one folder per version, off the `PATH`. */
const DEBIAN_FOLDER = "/usr/lib/postgresql";

function debianFolders(): readonly string[] {
  try {
    const versions = readdirSync(DEBIAN_FOLDER).filter((name) => /^\d+$/.test(name));
    return versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(DEBIAN_FOLDER, version, "bin"));
  } catch {
    return [];
  }
}

function holds(folder: string, program: string): boolean {
  try {
    accessSync(join(folder, program), constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * The folder with the programs of a PostgreSQL server: the newest one of Debian, else one on the `PATH`.
 *
 * @returns `undefined` when there is none
 */
export function findPostgresPrograms(): string | undefined {
  const onPath = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return [...debianFolders(), ...onPath].find((folder) => holds(folder, "initdb") && holds(folder, "postgres"));
}
