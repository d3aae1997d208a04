import type { Answer, GatewayClient, OpenAuthClient } from "@mestore/sms-gateway-client";
import type { GatewayStatus } from "@mestore/sms-gateway-contract";
import { ERRORS, type ErrorCode } from "@mestore/sms-gateway-contract/errors";

/** What a step came to; `detail` says what was seen. */
export interface Verdict {
  readonly state: "pass" | "fail" | "skip";
  readonly detail: string;
}

/** What steps work with: a running gateway and nothing else. */
export interface Kit {
  readonly gateway: GatewayClient;
  /** The same gateway with a key that nobody made. */
  readonly stranger: GatewayClient;
  readonly auth: OpenAuthClient;
  readonly status: GatewayStatus;
  /** A phone of the operator, for the one real SMS. */
  readonly to: string | undefined;
}

export interface Step {
  readonly name: string;
  run(kit: Kit): Promise<Verdict>;
}

/** Steps about one thing. */
export interface Chapter {
  readonly title: string;
  /** True when its steps send: with real credentials they would cost money. */
  readonly isSending: boolean;
  /** True when its steps do not touch each other and may run at once. */
  readonly areSimultaneous?: boolean;
  readonly steps: readonly Step[];
}

export const pass = (detail: string): Verdict => ({ state: "pass", detail });
export const fail = (detail: string): Verdict => ({ state: "fail", detail });
export const skip = (detail: string): Verdict => ({ state: "skip", detail });

/** The answer in a few words. */
const describeAnswer = (answer: Answer<unknown>): string =>
  answer.ok ? `answered ${answer.status}` : `answered ${answer.status} ${answer.error.code}: ${answer.error.message}`;

export const unexpected = (what: string, answer: Answer<unknown>): Verdict =>
  fail(`${what}: ${describeAnswer(answer)}`);

/** Passes for exactly this refusal, with the status and the text that belong to it. */
export function refusedWith(answer: Answer<unknown>, code: ErrorCode): Verdict {
  const { status } = ERRORS[code];
  const isIt = !answer.ok && answer.error.code === code && answer.status === status && answer.error.message !== "";
  return isIt
    ? pass(`${status} ${code}: ${answer.error.message}`)
    : fail(`expected ${status} ${code}, ${describeAnswer(answer)}`);
}

const DELIVERED_PREFIX = "+57300555";
const FIRST_PLAIN = 1_000;
const PLAIN_NUMBERS = 9_000;

/** A number of the simulation's range at random, outside its table: messages to it are delivered. */
export function anyNumber(): string {
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  return `${DELIVERED_PREFIX}${FIRST_PLAIN + (random % PLAIN_NUMBERS)}`;
}

/** Such a number with nothing counted against it. */
export async function freshNumber({ gateway }: Kit): Promise<string> {
  const number = anyNumber();
  await gateway.resetLimits(number);
  return number;
}
