import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

/** The names of `scripts/machine-parts.ts`, which puts one of them on the `PATH`. */
const COMMANDS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** A machine without a window, a GPU or anybody to call. */
const QUIET = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const isRunnable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

function findChromium(): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  const found = COMMANDS.flatMap((command) => folders.map((folder) => join(folder, command))).find(isRunnable);
  if (found === undefined) throw new Error(`none of ${COMMANDS.join(", ")} is on the PATH`);
  return found;
}

/** Starts the machine's own Chromium; `CHROMIUM` names another. */
export const launchChromium = (): Promise<Browser> =>
  chromium.launch({ executablePath: process.env["CHROMIUM"] ?? findChromium(), args: QUIET });
