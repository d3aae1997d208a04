import type { TemplateReport } from "@mestore/sms-gateway-contract";
import type { Command } from "commander";
import { lintText } from "../../domain/templates.ts";
import { type CommandLine, namedValue, type OutputOptions, withExamples, withJson } from "../command-line.ts";
import type { Local, ReadText } from "../local.ts";
import { facts, shown } from "../output.ts";

interface Options extends OutputOptions {
  readonly file?: string;
  readonly var?: Readonly<Record<string, string>>;
}

function toText({ encoding, units, unitsPerSegment, segments, ...rest }: TemplateReport): string {
  const { outsideGsm7, suggestion, suggestionSegments } = rest;
  return facts([
    ["encoding", encoding],
    ["units", `${units} (${unitsPerSegment} per segment)`],
    ["segments", segments],
    ["outside GSM-7", outsideGsm7.length === 0 ? null : outsideGsm7.join(" ")],
    ["suggestion", suggestion],
    ["then segments", suggestionSegments],
  ]);
}

const read = (local: Local, text: string | undefined, file: string | undefined): ReadText | null => {
  if (text !== undefined && file === undefined) return { kind: "read", text };
  if (file === undefined || text !== undefined) return null;
  const content = local.readText(file);
  return content.kind === "read" ? { kind: "read", text: content.text.replace(/\r?\n$/, "") } : content;
};

export function addLint(program: Command, { local, finish }: CommandLine): void {
  const command = program
    .command("lint")
    .argument("[text]", "what to send; {name} stands for a variable")
    .description("say what a text costs and how it would cost less; needs no gateway")
    .option("--file <path>", "read the text from a file")
    .option("--var <name=value>", "the longest value of a variable; once for each", namedValue);
  withExamples(
    withJson(command).action((text: string | undefined, options: Options) => {
      const content = read(local, text, options.file);
      if (content === null) {
        command.error("error: give a text or --file, one of the two", { exitCode: 2 });
        return;
      }
      if (content.kind === "refused") {
        finish({ kind: "refused", code: "file_unreadable", message: content.problem }, options);
        return;
      }
      const report = lintText(content.text, options.var);
      finish(shown(report, toText(report)), options);
    }),
    'sms-gateway lint "Su código es {code}" --var code=123456',
    "sms-gateway lint --file promo.txt --json",
  );
}
