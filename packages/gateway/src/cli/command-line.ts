import { createGatewayClient, type GatewayClient } from "@mestore/sms-gateway-client";
import { CHANNELS, type Channel } from "@mestore/sms-gateway-contract";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Connection, GivenConnection, Local } from "./local.ts";
import type { Report } from "./output.ts";

/** What every command is built with. */
export interface CommandLine {
  readonly local: Local;
  /** Prints what the command came to and keeps how the process ends. */
  finish(report: Report, options: OutputOptions): void;
}

export interface OutputOptions {
  readonly json?: boolean;
}

export interface ConnectionOptions extends OutputOptions, GivenConnection {}

export const withExamples = (command: Command, ...examples: readonly string[]): Command =>
  command.addHelpText("after", `\nExamples:\n${examples.map((example) => `  $ ${example}`).join("\n")}`);

/** A name that only its subcommands give a meaning. */
export const group = (program: Command, name: string, description: string): Command =>
  program.command(name).description(description).helpCommand(false);

export const withJson = (command: Command): Command => command.option("--json", "print JSON, for programs");

/** For commands that speak to a gateway. */
export const withConnection = (command: Command): Command =>
  withJson(
    command
      .option("--url <address>", "gateway to talk to (GATEWAY_URL; else this machine and PORT)")
      .option("--key <key>", "its API key (GATEWAY_KEY; else the development key of this machine)"),
  );

export const channelOption = (): Option =>
  new Option("--channel <channel>", "sms, whatsapp, voice or email; told by the address when absent").choices([
    ...CHANNELS,
  ]);

export const channelOf = (to: string, channel: Channel | undefined): Channel =>
  channel ?? (to.includes("@") ? "email" : "sms");

export interface Connected extends Connection {
  readonly gateway: GatewayClient;
}

/** Reads where the gateway is; nothing is sent yet. */
export function connect(local: Local, { url, key }: GivenConnection): Connected {
  const connection = local.connection({
    ...(url === undefined ? {} : { url }),
    ...(key === undefined ? {} : { key }),
  });
  const apiKey = connection.key === undefined ? {} : { apiKey: connection.key };
  return {
    ...connection,
    gateway: createGatewayClient({ baseUrl: connection.url, locale: connection.locale, ...apiKey }),
  };
}

/** Reads an option that is a whole number. */
export const wholeNumber =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d{1,9}$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };

/** Reads `name=value`, as often as the option is given. */
export function namedValue(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const [, name, value] = /^(\w+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError("It must be name=value.");
  return { ...before, [name]: value };
}
