import type { Cluster } from "./cluster.ts";
import type { Sql } from "./cluster-sql.ts";
import { phoneAt } from "./gateway.ts";
import type { Call } from "./http.ts";
import type { Asked } from "./open-load.ts";

/**
 * Two codes, two notifications, and so on, each to a number of its own, so that the carrier's ledger tells messages apart.
 * Two of a kind, because requests go to the processes in turn: of two processes each gets both kinds.
 */
export const sendAlternately =
  ({ key }: Pick<Cluster, "key">) =>
  (serial: number): Call => {
    const to = phoneAt(serial);
    return serial % 4 < 2
      ? { path: "/v1/verifications", body: { to, channel: "sms", subject: `user-${serial}` }, headers: key() }
      : {
          path: "/v1/messages",
          body: { to, category: "transactional", text: `Pedido ${serial}` },
          headers: key(),
        };
  };

/** What an acknowledged answer of `sendAlternately` promised. */
export interface Promised {
  readonly messageId: string;
  readonly verificationId: string | null;
}

export function promisedBy({ answer }: Asked): Promised {
  const id = String(answer?.body["id"]);
  const message = answer?.body["message"];
  return typeof message === "object" && message !== null && "id" in message
    ? { messageId: String(message.id), verificationId: id }
    : { messageId: id, verificationId: null };
}

/** The acknowledged requests whose rows another connection does not find. */
export async function findLost(sql: Sql, acknowledged: readonly Asked[]): Promise<readonly Promised[]> {
  const idsOf = async (table: "messages" | "verifications"): Promise<ReadonlySet<string>> =>
    new Set((await sql.all<{ readonly id: string }>(`select id from ${table}`)).map(({ id }) => id));
  const [messages, verifications] = [await idsOf("messages"), await idsOf("verifications")];
  return acknowledged
    .map(promisedBy)
    .filter(
      ({ messageId, verificationId }) =>
        !messages.has(messageId) || (verificationId !== null && !verifications.has(verificationId)),
    );
}

/** How often the carrier took a message to each number. */
export function callsByNumber({ ledger }: Cluster["carrier"]): ReadonlyMap<string, number> {
  const calls = new Map<string, number>();
  for (const { to, sid } of ledger) {
    if (to !== null && sid !== null) calls.set(to, (calls.get(to) ?? 0) + 1);
  }
  return calls;
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const CODE_WITHIN_MS = 10_000;

/**
 * Finds codes in a ledger that grows, without reading it again from its beginning.
 *
 * @returns waits for the newest SMS to a number
 */
export function createCodeSeeker({ carrier }: Pick<Cluster, "carrier">): (number: string) => Promise<string> {
  const find = createCodeFinder({ carrier });
  return async (number) => {
    const giveUpAt = performance.now() + CODE_WITHIN_MS;
    for (let code = find(number); performance.now() < giveUpAt; code = find(number)) {
      if (code !== null) return code;
      await pause(5);
    }
    throw new Error("no code was sent in time");
  };
}

/** Finds the newest code that was sent to a number so far; null when there is none. */
export function createCodeFinder({ carrier }: Pick<Cluster, "carrier">): (number: string) => string | null {
  const codes = new Map<string, string>();
  let read = 0;
  return (number) => {
    for (; read < carrier.ledger.length; read++) {
      const { to, body, sid } = carrier.ledger[read] ?? {};
      const code = /\d{4,10}/.exec(body ?? "")?.[0];
      if (to != null && sid != null && code !== undefined) codes.set(to, code);
    }
    return codes.get(number) ?? null;
  };
}
