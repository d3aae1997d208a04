import { messageWhen } from "../poll.ts";
import { type Chapter, fail, pass, type Step, skip, unexpected } from "./kit.ts";

const WAIT_SECONDS = 10;
const SETTLE_SECONDS = 20;

const oneCode: Step = {
  name: "one real code leaves, is counted and can be cancelled",
  run: async ({ gateway, to }) => {
    if (to === undefined) return skip("give --to with a phone of yours");
    const before = await gateway.getLimits(to);
    if (!before.ok) return unexpected("limits", before);
    const started = await gateway.startVerification({ to, channel: "sms" }, { waitSeconds: WAIT_SECONDS });
    if (!started.ok) return unexpected("start", started);
    const read = await gateway.getMessage(started.data.message.id);
    if (!read.ok) return unexpected("message", read);
    const message = await messageWhen(gateway, read.data, {
      isDone: ({ state }) => state !== "queued" && state !== "sending",
      withinSeconds: SETTLE_SECONDS,
    });
    const canceled = await gateway.cancelVerification(started.data.id);
    if (!canceled.ok) return unexpected("cancel", canceled);
    if (canceled.data.status !== "canceled") return fail(`the cancelled verification is ${canceled.data.status}`);
    const after = await gateway.getLimits(to);
    if (!after.ok) return unexpected("limits", after);
    if (message.state !== "sent" && message.state !== "delivered") {
      return fail(`the message is ${message.state}${message.errorCode === null ? "" : ` (${message.errorCode})`}`);
    }
    const isCounted = after.data.windows.every(
      ({ count }, index) => count === (before.data.windows[index]?.count ?? 0) + 1,
    );
    if (!isCounted) return fail("the message is not counted: are the limits off?");
    return pass(`${message.state} by ${message.provider}; the code in it is void`);
  },
};

/** In place of the chapters that send, where sending costs money. */
export const REAL_MESSAGE: Chapter = { title: "real SMS", isSending: false, steps: [oneCode] };
