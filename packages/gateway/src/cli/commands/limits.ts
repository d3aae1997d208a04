import type { NumberLimits } from "@mestore/sms-gateway-contract";
import type { Command } from "commander";
import {
  type CommandLine,
  type ConnectionOptions,
  connect,
  group,
  withConnection,
  withExamples,
} from "../command-line.ts";
import { reportAnswer } from "../failures.ts";
import { facts, table } from "../output.ts";

function toText({ phone, blocked, retryAfterSeconds, windows, failedGuesses }: NumberLimits): string {
  const summary = facts([
    ["phone", phone],
    ["blocked", blocked ? "yes" : "no"],
    ["next code", retryAfterSeconds === 0 ? "now" : `in ${retryAfterSeconds} s`],
    ["wrong guesses", `${failedGuesses.count} of ${failedGuesses.limit} within 24 h`],
  ]);
  const rows = windows.map(({ windowSeconds, count, limit, remaining, resetAt }) => [
    `${windowSeconds} s`,
    `${count} of ${limit}`,
    String(remaining),
    resetAt ?? "",
  ]);
  return `${summary}\n\n${table(rows, ["WINDOW", "SENT", "LEFT", "RESETS"])}`;
}

export function addLimits(program: Command, { local, finish }: CommandLine): void {
  const limits = withExamples(
    group(program, "limits", "see and forget what a number has used up"),
    'sms-gateway limits get "300 123 4567"',
  );
  withExamples(
    withConnection(limits.command("get <phone>").description("show what a number has used up")).action(
      async (phone: string, options: ConnectionOptions) => {
        const { gateway, url } = connect(local, options);
        finish(reportAnswer(await gateway.getLimits(phone), url, toText), options);
      },
    ),
    'sms-gateway limits get "300 123 4567"',
  );
  withExamples(
    withConnection(limits.command("reset <phone>").description("forget its sends and wrong guesses")).action(
      async (phone: string, options: ConnectionOptions) => {
        const { gateway, url } = connect(local, options);
        const reset = await gateway.resetLimits(phone);
        const answer = reset.ok ? { ...reset, data: { phone, reset: true } } : reset;
        finish(
          reportAnswer(answer, url, () => `${phone} starts anew`),
          options,
        );
      },
    ),
    "sms-gateway limits reset +573001234567",
  );
}
