import type { GatewayStatus } from "@mestore/sms-gateway-contract";
import type { Command } from "commander";
import { type CommandLine, type ConnectionOptions, connect, withConnection, withExamples } from "../command-line.ts";
import { reportAnswer } from "../failures.ts";
import { facts, table } from "../output.ts";
import { pauseRows } from "./pauses.ts";

const onOrOff = (isOn: boolean): string => (isOn ? "on" : "off");

function toText(status: GatewayStatus, url: string): string {
  const { depth, oldestAgeSeconds } = status.queue;
  const age = oldestAgeSeconds === null ? "" : `, the oldest for ${oldestAgeSeconds.toFixed(1)} s`;
  const parts = [
    facts([
      ["gateway", `${url}, version ${status.version}, ${status.environment}`],
      ["SMS", `${onOrOff(status.smsEnabled)}${status.simulation ? ", simulated" : ""}`],
      ["e-mail", onOrOff(status.emailEnabled)],
      ["database", `${status.store}, limits in ${status.limitBackend}`],
      ["queue", `${depth} waiting${age}`],
    ]),
    table(
      status.providers.map((p) => [
        p.provider,
        p.channel,
        p.breaker,
        p.lastSuccessAt ?? "never",
        p.lastError ?? "none",
      ]),
      ["PROVIDER", "CHANNEL", "BREAKER", "LAST SUCCESS", "LAST ERROR"],
    ),
  ];
  if (status.pauses.length > 0) parts.push(`Paused:\n${pauseRows(status.pauses)}`);
  return parts.join("\n\n");
}

export function addStatus(program: Command, { local, finish }: CommandLine): void {
  withExamples(
    withConnection(program.command("status").description("say how the gateway is")).action(
      async (options: ConnectionOptions) => {
        const { gateway, url } = connect(local, options);
        finish(
          reportAnswer(await gateway.status(), url, (status) => toText(status, url)),
          options,
        );
      },
    ),
    "sms-gateway status",
    "sms-gateway status --url https://sms.shop.example --json",
  );
}
