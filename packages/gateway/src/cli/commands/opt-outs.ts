import type { OptOutList } from "@mestore/sms-gateway-contract";
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
import { table } from "../output.ts";

interface CategoryOptions extends ConnectionOptions {
  readonly category?: string;
}

const toText = ({ optOuts }: OptOutList): string =>
  optOuts.length === 0
    ? "nobody"
    : table(
        optOuts.map(({ phone, category, since, source }) => [
          phone,
          category === "*" ? "all" : category,
          since,
          source,
        ]),
        ["PHONE", "CATEGORY", "SINCE", "SOURCE"],
      );

const changeOf = ({ category }: CategoryOptions) => (category === undefined ? {} : { category });

export function addOptOuts(program: Command, { local, finish }: CommandLine): void {
  const optOuts = withExamples(
    group(program, "opt-outs", "see and change who wants no messages"),
    "sms-gateway opt-outs list",
  );
  withExamples(
    withConnection(optOuts.command("list [phone]").description("show who wants no messages, newest first")).action(
      async (phone: string | undefined, options: ConnectionOptions) => {
        const { gateway, url } = connect(local, options);
        const filter = phone === undefined ? {} : { phone };
        finish(reportAnswer(await gateway.listOptOuts(filter), url, toText), options);
      },
    ),
    "sms-gateway opt-outs list",
    "sms-gateway opt-outs list +573001234567",
  );
  const withCategory = (command: Command): Command =>
    withConnection(command.option("--category <category>", "one category alone, such as otp or transactional"));
  withExamples(
    withCategory(optOuts.command("add <phone>").description("send a number no more messages")).action(
      async (phone: string, options: CategoryOptions) => {
        const { gateway, url } = connect(local, options);
        const answer = await gateway.addOptOut(phone, changeOf(options));
        finish(
          reportAnswer(
            answer,
            url,
            ({ category }) => `${phone} gets no more ${category === "*" ? "messages" : category}`,
          ),
          options,
        );
      },
    ),
    "sms-gateway opt-outs add +573001234567",
  );
  withExamples(
    withCategory(optOuts.command("remove <phone>").description("send it messages again")).action(
      async (phone: string, options: CategoryOptions) => {
        const { gateway, url } = connect(local, options);
        const removed = await gateway.removeOptOut(phone, changeOf(options));
        const answer = removed.ok ? { ...removed, data: { phone, removed: true } } : removed;
        finish(
          reportAnswer(answer, url, () => `${phone} gets messages again`),
          options,
        );
      },
    ),
    "sms-gateway opt-outs remove +573001234567",
  );
}
