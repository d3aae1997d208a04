import type { Command } from "commander";
import { type CommandLine, type OutputOptions, wholeNumber, withExamples, withJson } from "../command-line.ts";
import type { TokenClaims } from "../local.ts";
import { shown } from "../output.ts";

interface Options extends OutputOptions, TokenClaims {
  readonly ttl: number;
}

const DEFAULT_TTL_SECONDS = 3_600;
const MAX_TTL_SECONDS = 86_400;

export function addToken(program: Command, { local, finish }: CommandLine): void {
  const command = program
    .command("token")
    .description("make a token of the host application, for /api/v1 in development")
    .requiredOption("--sub <id>", "the user, as your application names it")
    .option("--email <address>", "e-mail of a user the gateway was not told about")
    .option("--phone <number>", "phone of such a user")
    .option("--name <name>", "name of such a user")
    .option("--ttl <seconds>", "how long it lives", wholeNumber(1, MAX_TTL_SECONDS), DEFAULT_TTL_SECONDS);
  withExamples(
    withJson(command).action(async ({ ttl, json, sub, email, phone, name }: Options) => {
      const claims = {
        sub,
        ...(email === undefined ? {} : { email }),
        ...(phone === undefined ? {} : { phone }),
        ...(name === undefined ? {} : { name }),
      };
      const signed = await local.signToken(claims, ttl);
      const report =
        signed.kind === "signed"
          ? shown({ token: signed.token, expiresInSeconds: ttl }, signed.token)
          : ({ kind: "refused", code: "token_refused", message: signed.problem } as const);
      finish(report, json === undefined ? {} : { json });
    }),
    'sms-gateway token --sub user-1 --phone "300 123 4567" --name Ana',
    "TOKEN=$(sms-gateway token --sub user-1 --ttl 600)",
  );
}
