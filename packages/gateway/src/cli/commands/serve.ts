import type { Command } from "commander";
import { type CommandLine, type OutputOptions, withExamples, withJson } from "../command-line.ts";
import { shown } from "../output.ts";

/** `serve` and `migrate`. */
export function addServe(program: Command, { local, finish }: CommandLine): void {
  withExamples(
    program.command("serve").description("run the gateway until it is told to stop").action(local.serve),
    "sms-gateway serve",
    "PORT=8080 sms-gateway serve",
  );
  withExamples(
    withJson(program.command("migrate").description("bring the database's schema up to date without serving")).action(
      async (options: OutputOptions) => {
        const databasePath = await local.migrate();
        finish(shown({ databasePath }, `${databasePath} is up to date`), options);
      },
    ),
    "sms-gateway migrate",
  );
}
