import type { GatewayClient } from "@mestore/sms-gateway-client";
import { type ChangePause, LANES, type Lane, type Pause } from "@mestore/sms-gateway-contract";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type CommandLine, type ConnectionOptions, connect, withConnection, withExamples } from "../command-line.ts";
import { reportAnswer } from "../failures.ts";
import { table } from "../output.ts";

interface Options extends ConnectionOptions {
  readonly lane?: Lane;
  readonly country?: string;
}

export const pauseRows = (pauses: readonly Pause[]): string =>
  table(
    pauses.map(({ lane, country, since }) => [lane ?? "all", country ?? "all", since]),
    ["LANE", "COUNTRY", "SINCE"],
  );

const toText = ({ pauses }: { readonly pauses: readonly Pause[] }): string =>
  pauses.length === 0 ? "Nothing is paused" : pauseRows(pauses);

const toCountry = (text: string): string => {
  if (/^[A-Za-z]{2}$/.test(text)) return text.toUpperCase();
  throw new InvalidArgumentError("It must be two letters, such as CO.");
};

const toChange = ({ lane, country }: Options): ChangePause => ({
  ...(lane === undefined ? {} : { lane }),
  ...(country === undefined ? {} : { country }),
});

/** `pause` and `resume`. */
export function addPauses(program: Command, { local, finish }: CommandLine): void {
  const add = (name: "pause" | "resume", description: string): void => {
    const command = program
      .command(name)
      .description(description)
      .addOption(new Option("--lane <lane>", "one-time codes or notifications").choices([...LANES]))
      .option("--country <code>", "one country, two letters", toCountry);
    withExamples(
      withConnection(command).action(async (options: Options) => {
        const connected = connect(local, options);
        const gateway: GatewayClient = connected.gateway;
        finish(reportAnswer(await gateway[name](toChange(options)), connected.url, toText), options);
      }),
      `sms-gateway ${name}`,
      `sms-gateway ${name} --lane notification`,
      `sms-gateway ${name} --country CO`,
    );
  };
  add("pause", "stop sending, in every process within a second; what waits is kept");
  add("resume", "send again; without lane and country, everything");
}
