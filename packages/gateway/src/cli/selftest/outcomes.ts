import type { MessageState } from "@mestore/sms-gateway-contract";
import type { ErrorCode } from "@mestore/sms-gateway-contract/errors";
import { MAGIC_NUMBERS, type MagicBehaviour, type MagicNumber } from "../../domain/magic-numbers.ts";
import { messageWhen } from "../poll.ts";
import { type Chapter, fail, type Kit, pass, refusedWith, type Step, unexpected, type Verdict } from "./kit.ts";

/** Longer than a code waits for its retries, shorter than the slowest magic number. */
const WAIT_SECONDS = 5;
const SETTLE_SECONDS = 10;

/** What a code to a magic number must come to: refused at once, or a message that ends in this state. */
type Expected =
  | { readonly kind: "refused"; readonly code: ErrorCode }
  | { readonly kind: "state"; readonly state: MessageState; readonly code: ErrorCode | null };

function expectedOf({ answers, receipt }: MagicBehaviour): Expected {
  const final = answers.find(({ outcome }) => outcome === "accepted" || outcome === "rejected") ?? answers.at(-1);
  switch (final?.outcome) {
    case "rejected":
      return { kind: "refused", code: final.code };
    case "throttled":
    case "unavailable":
      return { kind: "refused", code: "delivery_failed" };
    default: {
      const comes = receipt !== undefined && "afterMs" in receipt ? receipt : undefined;
      const state = comes?.state ?? (final?.outcome === "unknown" ? "unknown" : "sent");
      return { kind: "state", state, code: comes?.code ?? null };
    }
  }
}

async function tryNumber({ gateway }: Kit, { number, behaviour }: MagicNumber): Promise<Verdict> {
  const expected = expectedOf(behaviour);
  await gateway.resetLimits(number);
  const started = await gateway.startVerification({ to: number, channel: "sms" }, { waitSeconds: WAIT_SECONDS });
  if (expected.kind === "refused") return refusedWith(started, expected.code);
  if (!started.ok) return unexpected(`expected ${expected.state}`, started);
  const first = await gateway.getMessage(started.data.message.id);
  if (!first.ok) return unexpected("message", first);
  const message = await messageWhen(gateway, first.data, {
    isDone: ({ state }) => state === expected.state,
    withinSeconds: SETTLE_SECONDS,
  });
  const seen = message.errorCode === null ? message.state : `${message.state} (${message.errorCode})`;
  const isIt = message.state === expected.state && message.errorCode === expected.code;
  return isIt ? pass(seen) : fail(`expected ${expected.state}, it is ${seen}`);
}

const toStep = (magic: MagicNumber): Step => ({
  name: `${magic.name}: ${magic.en}`,
  run: (kit) => tryNumber(kit, magic),
});

/** Every number of the simulation's table, all at once. */
export const OUTCOMES: Chapter = {
  title: "outcomes",
  isSending: true,
  areSimultaneous: true,
  steps: MAGIC_NUMBERS.map(toStep),
};
