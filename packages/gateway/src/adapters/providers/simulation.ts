import type { Channel } from "@mestore/sms-gateway-contract";
import type { OutgoingMessage, Receipt, SendResult } from "../../domain/delivery.ts";
import { type MagicBehaviour, type MagicReceipt, magicBehaviour } from "../../domain/magic-numbers.ts";
import type { Clock } from "../../ports/clock.ts";
import type { InboxStore } from "../../ports/inbox-store.ts";
import type { Provider, ReceiveReceipt } from "../../ports/provider.ts";

const RECEIPT_MS = 400;
/** Receipts that are due together within this span share one timer. */
const BATCH_MS = 50;

/** Any address outside the table of magic numbers is delivered. */
const DELIVERED: MagicBehaviour = {
  answers: [{ outcome: "accepted" }],
  receipt: { state: "delivered", afterMs: RECEIPT_MS },
};

export interface SimulationSettings {
  readonly channel: Channel;
  readonly clock: Clock;
  readonly inbox: Pick<InboxStore, "addEntry">;
  /** Shows one block of lines, its end of line included; nothing is shown without it. */
  readonly terminal?: (block: string) => void;
  readonly receive: ReceiveReceipt;
  /** Makes ids of inbox entries. */
  readonly newId: () => string;
}

interface DueReceipt {
  readonly messageId: string;
  readonly receipt: Receipt;
}

/**
 * A carrier inside this process: it keeps what it takes in the inbox, shows it on the terminal, sends receipts, and fails
 * as told by the magic numbers. What it refuses never reaches the inbox; what it takes and does not confirm does.
 */
export function createSimulation(settings: SimulationSettings): Provider {
  const { channel, clock, inbox, terminal, receive, newId } = settings;
  const closing = new AbortController();
  const batches = new Map<number, DueReceipt[]>();
  const attempts = new Map<string, number>();

  function answerOf({ id }: OutgoingMessage, { answers }: MagicBehaviour) {
    const attempt = attempts.get(id) ?? 0;
    if (attempt + 1 < answers.length) attempts.set(id, attempt + 1);
    else attempts.delete(id);
    return answers[attempt] ?? answers[0];
  }

  async function take(message: OutgoingMessage): Promise<string> {
    const { to, text, subject = null, html = null, code = null } = message;
    const at = clock.now();
    const id = newId();
    await inbox.addEntry({ id, messageId: message.id, channel, to, subject, text, html, code, at });
    terminal?.(toBlock(message, at));
    return id;
  }

  function receiveLater(messageId: string, { receipt, waitMs }: { receipt: Receipt; waitMs: number }): void {
    const open = batches.get(waitMs);
    if (open === undefined) void receiveBatch(waitMs, [{ messageId, receipt }]);
    else open.push({ messageId, receipt });
  }

  async function receiveBatch(waitMs: number, batch: DueReceipt[]): Promise<void> {
    batches.set(waitMs, batch);
    await clock.sleep(BATCH_MS, closing.signal);
    batches.delete(waitMs);
    await clock.sleep(Math.max(0, waitMs - BATCH_MS), closing.signal);
    if (closing.signal.aborted) return;
    for (const { messageId, receipt } of batch) receive(messageId, receipt);
  }

  return {
    id: "simulation",
    channel,
    simulated: true,

    async send(message, signal): Promise<SendResult> {
      if (signal.aborted || closing.signal.aborted) return { outcome: "unavailable" };
      const behaviour = magicBehaviour(message.to, channel) ?? DELIVERED;
      const answer = answerOf(message, behaviour);
      const isTaken = answer.outcome === "accepted" || answer.outcome === "unknown";
      let entryId = "";
      try {
        if (isTaken) entryId = await take(message);
      } catch {
        return { outcome: "unavailable" };
      }
      if (behaviour.delayMs !== undefined) {
        const givenUp = AbortSignal.any([signal, closing.signal]);
        await clock.sleep(behaviour.delayMs, givenUp);
        if (givenUp.aborted) return { outcome: isTaken ? "unknown" : "unavailable" };
      }
      if (isTaken && behaviour.receipt !== undefined) {
        receiveLater(message.id, toDue(behaviour.receipt, message.deliverBefore - clock.now()));
      }
      return answer.outcome === "accepted" ? { ...answer, providerMessageId: entryId } : answer;
    },

    async check() {
      return { ok: true, detail: "simulation: nothing leaves this machine" };
    },

    async close() {
      closing.abort();
    },
  };
}

function toDue(magic: MagicReceipt, lifeMs: number): { receipt: Receipt; waitMs: number } {
  const { state, code, vendorCode, change } = magic;
  const receipt = {
    state,
    ...(change === undefined ? {} : { change }),
    ...(code === undefined ? {} : { code }),
    ...(vendorCode === undefined ? {} : { vendorCode }),
  };
  return { receipt, waitMs: "afterMs" in magic ? magic.afterMs : Math.max(0, lifeMs) + RECEIPT_MS };
}

const HEADINGS: Readonly<Record<Channel, string>> = {
  sms: "📱 SIMULACIÓN SMS",
  whatsapp: "💬 SIMULACIÓN WHATSAPP",
  voice: "📞 SIMULACIÓN VOZ",
  email: "📧 SIMULACIÓN EMAIL",
};

/** Leaves no character that could move the cursor, colour or reorder the line. */
const printable = (text: string): string => text.replace(/\s+/g, " ").replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "");

function toBlock({ channel, to, code, userName, subject, text }: OutgoingMessage, at: number): string {
  const timestamp = new Date(at).toISOString().replace("T", " ").replace("Z", "000");
  const fields = { Para: to, Código: code, Usuario: userName, Asunto: subject, Mensaje: text, Timestamp: timestamp };
  const lines = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [`   ${name}: ${printable(value)}`],
  );
  return `${[`${HEADINGS[channel]}${code === undefined ? "" : " OTP"}:`, ...lines].join("\n")}\n`;
}
