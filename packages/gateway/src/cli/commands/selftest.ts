import { createAuthClient, createGatewayClient } from "@mestore/sms-gateway-client";
import type { Command } from "commander";
import { type CommandLine, type ConnectionOptions, connect, withConnection, withExamples } from "../command-line.ts";
import { refusedAnswer } from "../failures.ts";
import { type Report, shown, table } from "../output.ts";
import { runSelftest, type SelftestLine } from "../selftest/run.ts";

interface Options extends ConnectionOptions {
  readonly to?: string;
}

const NO_KEY = "sk_nobody_made_this_one";
const MARKS: Readonly<Record<SelftestLine["state"], string>> = { pass: "PASS", fail: "FAIL", skip: "skip" };

const count = (lines: readonly SelftestLine[], state: SelftestLine["state"]): number =>
  lines.filter((line) => line.state === state).length;

function toReport(lines: readonly SelftestLine[], url: string): Report {
  const failed = count(lines, "fail");
  const rows = lines.map(({ state, chapter, name, detail }) => [MARKS[state], chapter, name, detail]);
  const summary = `${count(lines, "pass")} passed, ${failed} failed, ${count(lines, "skip")} skipped, at ${url}`;
  const text = `${table(rows, ["", "ABOUT", "STEP", "SEEN"])}\n\n${summary}`;
  return shown({ ok: failed === 0, url, steps: lines }, text, failed === 0);
}

export function addSelftest(program: Command, { local, finish }: CommandLine): void {
  const command = program
    .command("selftest")
    .description("try a running gateway from outside: codes, limits, notifications and every way to fail")
    .option("--to <phone>", "a phone of yours: with real credentials it gets the one real SMS that is sent");
  withExamples(
    withConnection(command).action(async (options: Options) => {
      const { gateway, url, key, locale } = connect(local, options);
      const status = await gateway.status();
      if (!status.ok) {
        finish(refusedAnswer(status, url), options);
        return;
      }
      const auth = createAuthClient({ baseUrl: url, locale, ...(key === undefined ? {} : { apiKey: key }) });
      const stranger = createGatewayClient({ baseUrl: url, locale, apiKey: NO_KEY });
      const lines = await runSelftest({ gateway, stranger, auth, status: status.data, to: options.to });
      finish(toReport(lines, url), options);
    }),
    "sms-gateway selftest",
    'sms-gateway selftest --url https://sms.shop.example --to "300 123 4567"',
  ).addHelpText("after", "\nIt needs a key with all scopes. In simulation it resets the limits of numbers +57300555….");
}
