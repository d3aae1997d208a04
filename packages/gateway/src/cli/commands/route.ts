import type { Channel, Route } from "@mestore/sms-gateway-contract";
import type { Command } from "commander";
import {
  type CommandLine,
  type ConnectionOptions,
  channelOf,
  channelOption,
  connect,
  withConnection,
  withExamples,
} from "../command-line.ts";
import { reportAnswer } from "../failures.ts";
import { facts, table } from "../output.ts";

interface RouteOptions extends ConnectionOptions {
  readonly channel?: Channel;
}

function toText({ to, channel, country, match, candidates, chosen }: Route): string {
  const summary = facts([
    ["to", to],
    ["channel", channel],
    ["country", country ?? "—"],
    ["rule", match ?? "none matches: the order of the channel"],
    ["goes by", chosen ?? "nobody"],
  ]);
  const rows = candidates.map(({ provider, breaker, problem }, index) => [
    String(index + 1),
    provider,
    breaker,
    problem ?? (provider === chosen ? "chosen" : "next when the ones before fail"),
  ]);
  return `${summary}\n\n${table(rows, ["ORDER", "PROVIDER", "BREAKER", "WHY"])}`;
}

export function addRoute(program: Command, { local, finish }: CommandLine): void {
  withExamples(
    withConnection(
      program
        .command("route <to>")
        .description("explain which provider an address would be reached by")
        .addOption(channelOption()),
    ).action(async (to: string, options: RouteOptions) => {
      const { gateway, url } = connect(local, options);
      const channel = channelOf(to, options.channel);
      finish(reportAnswer(await gateway.findRoute({ to, channel }), url, toText), options);
    }),
    "sms-gateway route +573001234567",
    "sms-gateway route +573001234567 --channel whatsapp",
  );
}
