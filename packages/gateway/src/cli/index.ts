import { Command, CommanderError } from "commander";
import { AppError } from "../domain/app-error.ts";
import type { CommandLine } from "./command-line.ts";
import { addContacts } from "./commands/contacts.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addInbox } from "./commands/inbox.ts";
import { addKeys } from "./commands/keys.ts";
import { addLimits } from "./commands/limits.ts";
import { addLint } from "./commands/lint.ts";
import { addOptOuts } from "./commands/opt-outs.ts";
import { addPauses } from "./commands/pauses.ts";
import { addRoute } from "./commands/route.ts";
import { addSelftest } from "./commands/selftest.ts";
import { addSend } from "./commands/send.ts";
import { addServe } from "./commands/serve.ts";
import { addStatus } from "./commands/status.ts";
import { addToken } from "./commands/token.ts";
import { addTrace } from "./commands/trace.ts";
import { addVerify } from "./commands/verify.ts";
import { addWebhooks } from "./commands/webhooks.ts";
import { refusedError } from "./failures.ts";
import type { Local } from "./local.ts";
import { printReport } from "./output.ts";

const USAGE_ERROR = 2;

const COMMANDS: readonly ((program: Command, line: CommandLine) => void)[] = [
  addServe,
  addSend,
  addVerify,
  addInbox,
  addStatus,
  addRoute,
  addTrace,
  addLimits,
  addPauses,
  addOptOuts,
  addContacts,
  addWebhooks,
  addKeys,
  addToken,
  addLint,
  addDoctor,
  addSelftest,
];

/** How the process ends: 0 done, 1 refused or failed, 2 the command was not understood. */
export type ExitCode = 0 | 1 | 2;

/**
 * Runs one command.
 *
 * @param args what was typed behind the name; nothing at all means `serve`
 * @throws what a broken configuration throws, and bugs
 */
export async function runCommand(args: readonly string[], local: Local): Promise<ExitCode> {
  const { terminal } = local;
  let exitCode: ExitCode = 0;
  const line: CommandLine = {
    local,
    finish: (report, { json = false }) => {
      exitCode = printReport(report, json, terminal);
    },
  };
  const program = new Command("sms-gateway")
    .description("SMS gateway and one-time-password verification. Without a command it serves.")
    .version(local.version, "--version", "print the version")
    .helpOption("--help", "show what a command takes, with examples")
    .helpCommand(false)
    .enablePositionalOptions()
    .configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      writeErr: (text) => terminal.complain(text.trimEnd()),
    })
    .showHelpAfterError("(add --help to see what it takes)")
    .exitOverride();
  for (const add of COMMANDS) add(program, line);

  try {
    await program.parseAsync(args.length === 0 ? ["serve"] : [...args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_ERROR;
    if (!(error instanceof AppError)) throw error;
    return printReport(refusedError(error), args.includes("--json"), terminal);
  }
}
