import type { Answer, GatewayClient } from "@mestore/sms-gateway-client";
import type { Channel, CheckedVerification, StartedVerification, Verification } from "@mestore/sms-gateway-contract";
import type { Command } from "commander";
import {
  type CommandLine,
  type Connected,
  type ConnectionOptions,
  channelOf,
  channelOption,
  connect,
  withConnection,
  withExamples,
} from "../command-line.ts";
import { refusedAnswer, reportAnswer } from "../failures.ts";
import type { Terminal } from "../local.ts";
import { facts, type Report } from "../output.ts";

interface StartOptions extends ConnectionOptions {
  readonly channel?: Channel;
  readonly subject?: string;
}

interface CheckOptions extends ConnectionOptions {
  readonly proof?: boolean;
}

/** So long the gateway may wait for the carrier before it answers. */
const WAIT_SECONDS = 5;
const ID = /^ver_/;
/** How far back a number's messages are searched for its verification. */
const RECENT_MESSAGES = 20;

const start = (gateway: GatewayClient, to: string, { channel, subject }: StartOptions) =>
  gateway.startVerification(
    { to, channel: channelOf(to, channel), ...(subject === undefined ? {} : { subject }) },
    { waitSeconds: WAIT_SECONDS },
  );

const verificationFacts = ({ id, status, to, attemptsRemaining, expiresAt }: Verification) =>
  [
    ["verification", id],
    ["to", to],
    ["status", status],
    ["attempts left", status === "pending" ? attemptsRemaining : null],
    ["expires", status === "pending" ? expiresAt : null],
  ] as const;

const startedText = (started: StartedVerification): string =>
  `${facts([...verificationFacts(started), ["message", started.message.state]])}\n\nThen: sms-gateway verify check ${started.id} <code>`;

const checkedText = ({ proof, ...verification }: CheckedVerification): string =>
  facts([...verificationFacts(verification), ["proof", proof]]);

/** The verification of the newest code that went to an address. */
async function latestOf(gateway: GatewayClient, to: string): Promise<Answer<string | null>> {
  const page = await gateway.listMessages({ to, limit: RECENT_MESSAGES });
  if (!page.ok) return page;
  const newest = page.data.messages.find(({ verificationId }) => verificationId !== null);
  return { ...page, data: newest?.verificationId ?? null };
}

async function check(
  { gateway, url }: Connected,
  which: string,
  body: { readonly code: string; readonly proof?: boolean },
): Promise<Report> {
  const id: Answer<string | null> = ID.test(which)
    ? { ok: true, status: 200, data: which }
    : await latestOf(gateway, which);
  if (!id.ok) return refusedAnswer(id, url);
  if (id.data === null) {
    return {
      kind: "refused",
      code: "not_found",
      message: `no code was sent to ${which}`,
      advice: `send one with: sms-gateway verify start "${which}"`,
    };
  }
  return reportAnswer(await gateway.checkVerification(id.data, body), url, checkedText);
}

/** Asks for a code until it is right or the gateway has heard enough. */
async function askUntilRight(
  { gateway, url }: Connected,
  started: StartedVerification,
  terminal: Terminal,
): Promise<Report> {
  for (;;) {
    const code = await terminal.ask(`Code sent to ${started.to}: `);
    if (code === null) {
      const advice = `check it later with: sms-gateway verify check ${started.id} <code>`;
      return { kind: "refused", code: "no_code", message: "no code was typed", advice } as const;
    }
    const checked = await gateway.checkVerification(started.id, { code: code.trim() });
    const mayTryAgain = !checked.ok && ["code_incorrect", "code_malformed"].includes(checked.error.code);
    if (!mayTryAgain) return reportAnswer(checked, url, checkedText);
    terminal.complain(checked.error.message);
  }
}

export function addVerify(program: Command, { local, finish }: CommandLine): void {
  const verify = withConnection(
    program
      .command("verify")
      .argument("[to]", "phone or e-mail; sends a code and asks for it here")
      .description("prove that a phone or an e-mail belongs to somebody")
      .addOption(channelOption())
      .option("--subject <id>", "the user it is about, as your application names it"),
  );
  withExamples(
    verify.action(async (to: string | undefined, options: StartOptions) => {
      if (to === undefined) {
        verify.error("error: give a phone or an e-mail, or: start, check", { exitCode: 2 });
        return;
      }
      const connected = connect(local, options);
      const started = await start(connected.gateway, to, options);
      if (started.ok) finish(await askUntilRight(connected, started.data, local.terminal), options);
      else finish(refusedAnswer(started, connected.url), options);
    }),
    'sms-gateway verify "300 123 4567"',
    "sms-gateway verify start +573001234567",
    "sms-gateway verify check +573001234567 123456",
  );

  withExamples(
    withConnection(
      verify
        .command("start <to>")
        .description("send a code; again while it is live, the same code")
        .addOption(channelOption())
        .option("--subject <id>", "the user it is about, as your application names it"),
    ).action(async (to: string, options: StartOptions) => {
      const { gateway, url } = connect(local, options);
      finish(reportAnswer(await start(gateway, to, options), url, startedText), options);
    }),
    'sms-gateway verify start "300 123 4567"',
    "sms-gateway verify start ana@example.com --json",
  );

  withExamples(
    withConnection(
      verify
        .command("check <id> <code>")
        .description(
          "check a code; a wrong one costs an attempt. <id> is the verification, or the address of the newest",
        )
        .option("--proof", "ask for the signed proof (JWS)"),
    ).action(async (which: string, code: string, options: CheckOptions) => {
      const body = { code, ...(options.proof === undefined ? {} : { proof: options.proof }) };
      finish(await check(connect(local, options), which, body), options);
    }),
    "sms-gateway verify check ver_01JD 123456",
    'sms-gateway verify check "300 123 4567" 123456 --proof',
  );
}
