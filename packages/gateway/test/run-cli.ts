import { runCommand } from "../src/cli/index.ts";
import { createLocal } from "../src/local.ts";

export interface CliRun {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
  /** Standard output as JSON. */
  json<Data>(): Data;
}

export interface CliInput {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** What a person types when asked, one after the other; then the input ends. */
  readonly answers?: readonly string[];
}

/** Runs one command in this process, with this machine's files and network. */
export async function runCli(args: readonly string[], { env, cwd, answers = [] }: CliInput): Promise<CliRun> {
  const out: string[] = [];
  const err: string[] = [];
  const typed = [...answers];
  const terminal = {
    print: (text: string) => void out.push(text),
    complain: (text: string) => void err.push(text),
    ask: async () => typed.shift() ?? null,
  };
  const serve = async (): Promise<void> => void out.push("serving");
  const exitCode = await runCommand(args, createLocal({ input: { env, cwd }, version: "0.0.0", serve, terminal }));
  const text = out.join("\n");
  return { exitCode, out: text, err: err.join("\n"), json: <Data>() => JSON.parse(text) as Data };
}
