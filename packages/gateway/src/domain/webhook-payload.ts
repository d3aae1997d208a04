import type { Channel, MessageState, VerificationStatus, WebhookPayload } from "@mestore/sms-gateway-contract";
import { CHANNELS, MESSAGE_STATES } from "@mestore/sms-gateway-contract";
import { maskAddress, maskEmail, maskPhone } from "./mask.ts";
import type { StoredMessage } from "./message.ts";
import type { Verification } from "./verification.ts";

/** An event as the feed has it. */
interface Happened {
  readonly type: string;
  readonly verificationId: string | null;
  readonly messageId: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

/** What the event is about, as far as it is still there. */
export interface Subject {
  readonly verification: Verification | null;
  readonly message: StoredMessage | null;
}

type Data = WebhookPayload["data"];

/** What an event may say besides, by name: whatever else an event notes down one day does not leave by itself. */
const REASONS = ["reason", "errorCode", "vendorCode"] as const;

const isOneOf = <Value extends string>(values: readonly Value[], value: unknown): value is Value =>
  values.some((each) => each === value);

function reasonsOf({ data }: Happened): Partial<Data> {
  const { attempt } = data;
  const texts = REASONS.flatMap((name) => (typeof data[name] === "string" ? [[name, data[name]] as const] : []));
  return { ...(Number.isSafeInteger(attempt) ? { attempt: attempt as number } : {}), ...Object.fromEntries(texts) };
}

/** The status that an event left behind; what happened later has events of its own. */
function statusOf({ type, data }: Happened, verification: Verification | null): VerificationStatus {
  if (type === "verification.approved") return "approved";
  if (type === "verification.canceled") return "canceled";
  if (type === "verification.fallback_ended") return verification?.status ?? "pending";
  const isLastGuess = verification !== null && Number(data["attempt"]) >= verification.maxAttempts;
  return type === "verification.guess_incorrect" && isLastGuess ? "max_attempts_reached" : "pending";
}

const stateOf = ({ type }: Happened): MessageState | undefined => {
  const name = type.slice("message.".length);
  if (name === "retrying") return "queued";
  return isOneOf(MESSAGE_STATES, name) ? name : undefined;
};

const channelOf = ({ data }: Happened, { message, verification }: Subject): Channel | null =>
  isOneOf(CHANNELS, data["channel"]) ? data["channel"] : (message?.channel ?? verification?.channel ?? null);

function maskedOf({ message, verification }: Subject): string | null {
  if (message !== null) return message.channel === "email" ? maskEmail(message.to) : maskPhone(message.to);
  return verification === null ? null : maskAddress(verification.address);
}

/** Says an event to an endpoint: what it is about and what became of it, never a code and never a whole address. */
export function toWebhookData(event: Happened, subject: Subject): Data {
  const { verificationId, messageId } = event;
  const rest = { channel: channelOf(event, subject), to: maskedOf(subject), ...reasonsOf(event) };
  const ids = { verificationId, messageId };
  if (!event.type.startsWith("message.")) {
    return { id: verificationId ?? "", ...ids, status: statusOf(event, subject.verification), ...rest };
  }
  const state = stateOf(event);
  return { id: messageId ?? "", ...ids, ...(state === undefined ? {} : { state }), ...rest };
}
