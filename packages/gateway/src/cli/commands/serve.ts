import { type Command, Option } from "commander";
import { type CommandLine, type OutputOptions, withExamples, withJson } from "../command-line.ts";
import { ROLES, type Role } from "../local.ts";
import { shown } from "../output.ts";

/** `serve` and `migrate`. */
export function addServe(program: Command, { local, finish }: CommandLine): void {
  const role = new Option("--role <role>", "api answers requests, worker takes what is left and sweeps, all does both")
    .choices([...ROLES])
    .default("all" satisfies Role);
  withExamples(
    program
      .command("serve")
      .description("run the gateway until it is told to stop")
      .addOption(role)
      .action((options: { readonly role: Role }) => local.serve(options.role)),
    "sms-gateway serve",
    "PORT=8080 sms-gateway serve",
    "DATABASE_URL=postgres://gateway@db.internal/gateway sms-gateway serve --role api",
  );
  withExamples(
    withJson(program.command("migrate").description("bring the database's schema up to date without serving")).action(
      async (options: OutputOptions) => {
        const database = await local.migrate();
        finish(shown({ database }, `${database} is up to date`), options);
      },
    ),
    "sms-gateway migrate",
  );
}
