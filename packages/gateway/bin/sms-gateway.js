#!/usr/bin/env node
/** Starts the command. Plain JavaScript for the oldest Node around: this file has to run before it can ask for a newer one. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import * as nodeModule from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const NEEDED = [22, 18];
const FORWARDED_SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"];
const SIGNAL_EXIT = 128;
const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

const isNewEnough = () => {
  const [major, minor] = process.versions.node.split(".").map(Number);
  return major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1]);
};

/** The Node that the npm package `node` brings, or null when it is not installed. */
const findPackagedNode = () => {
  try {
    const manifest = nodeModule.createRequire(import.meta.url).resolve("node/package.json");
    return join(dirname(manifest), JSON.parse(readFileSync(manifest, "utf8")).bin.node);
  } catch {
    return null;
  }
};

const fail = (problem) => {
  const needed = `sms-gateway needs Node ${NEEDED.join(".")} or newer`;
  process.stderr.write(`${needed}, and this is ${process.version}: ${problem}\n`);
  process.exit(1);
};

/** Runs this very command on another Node, in its place. */
const runOn = (node) => {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: "inherit" });
  for (const signal of FORWARDED_SIGNALS) process.on(signal, () => child.kill(signal));
  child.on("error", () => fail(`${node} does not start; install a newer Node`));
  child.on("exit", (code, signal) => process.exit(code ?? SIGNAL_EXIT + (SIGNAL_NUMBERS[signal] ?? 0)));
};

if (isNewEnough()) {
  // Compiled code is kept between starts, which takes a third off each; beside the package, where nobody else writes.
  nodeModule.enableCompileCache?.(fileURLToPath(new URL("../node_modules/.cache/compile", import.meta.url)));
  await import("../src/main.ts");
} else {
  const node = findPackagedNode();
  if (node === null) fail("install a newer Node, or the npm package node");
  else runOn(node);
}
