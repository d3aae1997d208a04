import type { TestCase, TestModule, TestSuite, Vitest } from "vitest/node";
import { parseCLI, startVitest } from "vitest/node";
import { ensureMachineParts } from "./machine-parts.ts";

const HELP = `Runs the tests.

Usage: npm test [-- <vitest arguments>]

  npm test                                        every test
  npm test -- packages/gateway/src/domain         the tests of a folder
  npm test -- phone.test.ts -t "refuses"          tests whose name holds a text
  npm test -- --bail 1                            any other option of vitest run

First it sees to it that the programs which the tests start are here (Chromium, PostgreSQL, Redis and a few small ones):
what is here is used, what is missing is installed with apt-get when this is root, and named otherwise. The tests start
and stop servers of their own; one that runs already is left alone.

A skipped test, a todo or a focused one (.only) fails the run; tests left out with -t do not.
The last line of a run is "N passed, N failed". The exit code is 0 when everything passed.
`;

interface Outcome {
  readonly passed: number;
  readonly failed: number;
  /** Names of tests that did not run, though nobody left them out with -t. */
  readonly skipped: readonly string[];
}

const nameOf = (test: TestCase): string => `${test.module.relativeModuleId} > ${test.fullName}`;

/** Files and groups that broke outside a test: an import, a syntax error, a failing `beforeAll`. */
const broken = (module: TestModule): readonly (TestModule | TestSuite)[] =>
  [module, ...module.children.allSuites()].filter((part) => part.errors().length > 0);

function readOutcome(vitest: Vitest): Outcome {
  const modules = vitest.state.getTestModules();
  const tests = modules.flatMap((module) => [...module.children.allTests()]);
  const inState = (state: string) => tests.filter((test) => test.result().state === state);
  const isFiltered = vitest.config.testNamePattern !== undefined;
  return {
    passed: inState("passed").length,
    failed: inState("failed").length + modules.flatMap(broken).length + vitest.state.getUnhandledErrors().length,
    skipped: isFiltered ? [] : [...inState("skipped"), ...inState("pending")].map(nameOf),
  };
}

async function runTests(args: readonly string[]): Promise<Outcome> {
  const { filter, options } = parseCLI(["vitest", "run", ...args]);
  return readOutcome(await startVitest(filter, { ...options, run: true, watch: false }));
}

/** Prints the last line and ends, whatever a test may have left open. */
function finish({ passed, failed, skipped }: Outcome): never {
  for (const name of skipped) process.stdout.write(`Did not run: ${name}\n`);
  const ended = process.exitCode ?? 0;
  const isGreen = ended === 0 && passed > 0 && failed === 0 && skipped.length === 0;
  process.stdout.write(`${passed} passed, ${failed + skipped.length} failed\n`);
  process.exit(isGreen ? 0 : 1);
}

const args = process.argv.slice(2);
if (args.includes("--help") || args.includes("-h")) {
  process.stdout.write(HELP);
} else {
  const missing = ensureMachineParts();
  for (const line of missing) process.stderr.write(`${line}\n`);
  if (missing.length > 0) process.exit(1);
  finish(await runTests(args));
}
