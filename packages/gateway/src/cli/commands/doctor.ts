import type { Command } from "commander";
import { type CommandLine, type OutputOptions, withExamples, withJson } from "../command-line.ts";
import { type Line, runChecks } from "../doctor/examine.ts";
import type { Finding } from "../doctor/machine.ts";
import { type Report, shown, table } from "../output.ts";

const MARKS: Readonly<Record<Finding["state"], string>> = { ok: "ok", info: "info", warn: "WARN", fail: "FAIL" };

const count = (lines: readonly Line[], state: Finding["state"]): number =>
  lines.filter((line) => line.state === state).length;

function toReport(lines: readonly Line[]): Report {
  const failed = count(lines, "fail");
  const rows = lines.flatMap(({ state, id, detail, advice }) => [
    [MARKS[state], id, detail],
    ...(advice === undefined ? [] : [["", "", `-> ${advice}`]]),
  ]);
  const summary = `${count(lines, "ok") + count(lines, "info")} fine, ${count(lines, "warn")} warnings, ${failed} failed`;
  return shown({ ok: failed === 0, checks: lines }, `${table(rows)}\n\n${summary}`, failed === 0);
}

export function addDoctor(program: Command, { local, finish }: CommandLine): void {
  const command = program
    .command("doctor")
    .description("look for what would keep the gateway from working, and say what to do");
  withExamples(
    withJson(command).action(async (options: OutputOptions) => {
      finish(toReport(await runChecks(local.examine())), options);
    }),
    "sms-gateway doctor",
    "sms-gateway doctor --json",
  );
}
