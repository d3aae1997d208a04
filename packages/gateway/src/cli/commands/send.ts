import type { Channel, LocaleName, Message, MessageState, SendMessage } from "@mestore/sms-gateway-contract";
import { type Command, Option } from "commander";
import type { z } from "zod";
import {
  type CommandLine,
  type Connected,
  type ConnectionOptions,
  channelOf,
  channelOption,
  connect,
  namedValue,
  wholeNumber,
  withConnection,
  withExamples,
} from "../command-line.ts";
import { refusedAnswer } from "../failures.ts";
import { facts, type Report, shown } from "../output.ts";
import { messageWhen } from "../poll.ts";

interface Options extends ConnectionOptions {
  readonly text?: string;
  readonly template?: string;
  readonly var?: Readonly<Record<string, string>>;
  readonly channel?: Channel;
  readonly category: SendMessage["category"];
  readonly locale?: z.output<typeof LocaleName>;
  readonly wait: number;
}

const DEFAULT_WAIT_SECONDS = 5;
const MAX_WAIT_SECONDS = 60;

const ON_ITS_WAY: readonly MessageState[] = ["queued", "sending"];
const LOST: readonly MessageState[] = ["failed", "undelivered", "expired"];

const hasLeft = ({ state }: Message): boolean => !ON_ITS_WAY.includes(state);

const toBody = (to: string, { text, template, var: variables, channel, category, locale }: Options): SendMessage => ({
  to,
  channel: channelOf(to, channel),
  category,
  ...(text === undefined ? {} : { text }),
  ...(template === undefined ? {} : { template }),
  ...(variables === undefined ? {} : { variables }),
  ...(locale === undefined ? {} : { locale }),
});

const toText = ({ id, to, state, errorCode, segments }: Message): string =>
  facts([
    ["message", id],
    ["to", to],
    ["state", state],
    ["reason", errorCode],
    ["segments", segments],
  ]);

async function send({ gateway, url }: Connected, body: SendMessage, waitSeconds: number): Promise<Report> {
  const sent = await gateway.sendMessage(body);
  if (!sent.ok) return refusedAnswer(sent, url);
  const message = await messageWhen(gateway, sent.data, { isDone: hasLeft, withinSeconds: waitSeconds });
  return shown(message, toText(message), !LOST.includes(message.state));
}

export function addSend(program: Command, { local, finish }: CommandLine): void {
  const command = program
    .command("send <to>")
    .description("send a notification to a phone or an e-mail")
    .addOption(new Option("--text <text>", "what to say").conflicts(["template", "var"]))
    .option("--template <name>", "one of the gateway's texts, in place of --text")
    .option("--var <name=value>", "a value of the template; once for each", namedValue)
    .addOption(channelOption())
    .addOption(
      new Option("--category <category>", "what it is about")
        .choices(["transactional", "security"])
        .default("transactional"),
    )
    .addOption(new Option("--locale <locale>", "language of the template").choices(["es", "en"]))
    .option(
      "--wait <seconds>",
      "how long to wait until it has left",
      wholeNumber(0, MAX_WAIT_SECONDS),
      DEFAULT_WAIT_SECONDS,
    );
  withExamples(
    withConnection(command).action(async (to: string, options: Options) => {
      if (options.text === undefined && options.template === undefined) {
        command.error("error: give --text or --template", { exitCode: 2 });
      }
      finish(await send(connect(local, options), toBody(to, options), options.wait), options);
    }),
    'sms-gateway send "300 123 4567" --text "Su pedido va en camino"',
    "sms-gateway send +573001234567 --template order_delivered --var order=A-17",
  );
}
