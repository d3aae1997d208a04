import type { Answer, GatewayClient, InboxMessage } from "@mestore/sms-gateway-client";
import type { Command } from "commander";
import {
  type CommandLine,
  type ConnectionOptions,
  connect,
  wholeNumber,
  withConnection,
  withExamples,
} from "../command-line.ts";
import { refusedAnswer } from "../failures.ts";
import { type Report, shown, table } from "../output.ts";

interface Options extends ConnectionOptions {
  readonly to?: string;
  readonly wait?: number;
  readonly code?: boolean;
  readonly limit: number;
}

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 200;
const MAX_WAIT_SECONDS = 30;

async function read(gateway: GatewayClient, { to, wait, limit }: Options): Promise<Answer<readonly InboxMessage[]>> {
  if (to !== undefined && wait !== undefined) {
    const waited = await gateway.inbox.wait({ to, timeout: wait });
    return waited.ok ? { ...waited, data: [waited.data] } : waited;
  }
  const page = await gateway.inbox.list({ limit, ...(to === undefined ? {} : { to }) });
  return page.ok ? { ...page, data: page.data.messages } : page;
}

const nothing = (message: string): Report => ({
  kind: "refused",
  code: "not_found",
  message,
  advice: "ask for a code first, or wait for one with --to and --wait",
});

function toReport(messages: readonly InboxMessage[], { code: isCodeOnly }: Options): Report {
  if (isCodeOnly) {
    const code = messages.find((message) => message.code !== null)?.code;
    return code === undefined || code === null ? nothing("the inbox holds no code") : shown({ code }, code);
  }
  if (messages.length === 0) return shown({ messages }, "The inbox is empty");
  const rows = messages.map(({ at, to, state, code, text }) => [at, to, state, code ?? "", text]);
  return shown({ messages }, table(rows, ["AT", "TO", "STATE", "CODE", "TEXT"]));
}

export function addInbox(program: Command, { local, finish }: CommandLine): void {
  const command = program
    .command("inbox")
    .description("show what the simulated carrier received, newest first")
    .option("--to <address>", "only messages to this phone or e-mail")
    .option(
      "--wait <seconds>",
      "wait for a message when there is none yet; needs --to",
      wholeNumber(0, MAX_WAIT_SECONDS),
    )
    .option("--code", "print the newest code and nothing else")
    .option("--limit <number>", "how many messages", wholeNumber(1, MAX_LIMIT), DEFAULT_LIMIT);
  withExamples(
    withConnection(command).action(async (options: Options) => {
      if (options.wait !== undefined && options.to === undefined) {
        command.error("error: --wait needs --to", { exitCode: 2 });
      }
      const { gateway, url } = connect(local, options);
      const messages = await read(gateway, options);
      if (messages.ok) finish(toReport(messages.data, options), options);
      else if (messages.error.code === "not_found")
        finish(nothing(`nothing came to ${options.to ?? "anybody"}`), options);
      else finish(refusedAnswer(messages, url), options);
    }),
    "sms-gateway inbox",
    'CODE=$(sms-gateway inbox --to "300 123 4567" --wait 10 --code)',
  );
}
