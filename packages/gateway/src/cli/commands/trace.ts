import type { TimelineEntry } from "@mestore/sms-gateway-contract";
import type { Command } from "commander";
import { type CommandLine, type ConnectionOptions, connect, withConnection, withExamples } from "../command-line.ts";
import { reportAnswer } from "../failures.ts";
import { facts, type Report, table } from "../output.ts";

/** What an entry says besides its type, in the order in which it was written. */
const detailsOf = ({ data }: TimelineEntry): string =>
  Object.entries(data)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");

const timelineText = (timeline: readonly TimelineEntry[]): string =>
  table(
    timeline.map((entry) => [entry.at, entry.type, entry.messageId ?? "", detailsOf(entry)]),
    ["AT", "WHAT", "MESSAGE", "DETAILS"],
  );

export function addTrace(program: Command, { local, finish }: CommandLine): void {
  withExamples(
    withConnection(
      program
        .command("trace <id>")
        .description("show every attempt, receipt and decision of a message or a verification, in order"),
    ).action(async (id: string, options: ConnectionOptions) => {
      const { gateway, url } = connect(local, options);
      const report: Report = id.startsWith("ver_")
        ? reportAnswer(
            await gateway.getVerification(id),
            url,
            ({ status, to, channel, timeline }) =>
              `${facts([
                ["verification", id],
                ["to", to],
                ["channel", channel],
                ["status", status],
              ])}\n\n${timelineText(timeline)}`,
          )
        : reportAnswer(
            await gateway.getMessage(id),
            url,
            ({ state, to, channel, provider, errorCode, timeline }) =>
              `${facts([
                ["message", id],
                ["to", to],
                ["channel", channel],
                ["provider", provider ?? "—"],
                ["state", state],
                ["error", errorCode ?? "none"],
              ])}\n\n${timelineText(timeline)}`,
          );
      finish(report, options);
    }),
    "sms-gateway trace msg_01h455vb4pex5vsknk084sn02q",
    "sms-gateway trace ver_01h455vb4pex5vsknk084sn02q --json",
  );
}
