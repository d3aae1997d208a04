import { type Answer, createGatewayClient, type GatewayClient } from "@mestore/sms-gateway-client";
import type { GatewayProcess } from "./gateway-process.ts";

/** Its answer takes six seconds, so that a kill finds calls under way. */
const SLOW_NUMBER = "+573005550015";
const FIRST_NUMBER = 3_001_000_000;
const SLOW_EVERY = 25;

/** A request and what the gateway said before it died. */
export interface Sent {
  readonly kind: "verification" | "notification";
  readonly to: string;
  /** Null when the answer never came: the gateway may or may not have taken it. */
  readonly acknowledged: { readonly verificationId: string | null; readonly messageId: string } | null;
  readonly idempotencyKey: string | undefined;
  /** Asks again, with the same key. */
  retry(client: GatewayClient): Promise<Answer<unknown>>;
}

export const clientOf = ({ url, apiKey }: Pick<GatewayProcess, "url" | "apiKey">): GatewayClient =>
  createGatewayClient({ baseUrl: url, apiKey });

/** Numbers that nobody had before; the same in every run. */
export function createNumbers(): () => { readonly to: string; readonly serial: number } {
  let serial = 0;
  return () => {
    serial += 1;
    return { to: serial % SLOW_EVERY === 0 ? SLOW_NUMBER : `+57${FIRST_NUMBER + serial}`, serial };
  };
}

async function sendOne(
  client: GatewayClient,
  { to, serial }: { readonly to: string; readonly serial: number },
): Promise<Sent> {
  const isNotification = serial % 3 === 0;
  const idempotencyKey = serial % 2 === 0 ? `request-${serial}` : undefined;
  const options = idempotencyKey === undefined ? {} : { idempotencyKey };
  const common = { to, idempotencyKey };
  if (isNotification) {
    const ask = (asked: GatewayClient) =>
      asked.sendMessage({ to, category: "transactional", text: `Pedido ${serial}` }, options);
    const answer = await ask(client);
    const acknowledged = answer.ok ? { verificationId: null, messageId: answer.data.id } : null;
    return { ...common, kind: "notification", acknowledged, retry: ask };
  }
  const ask = (asked: GatewayClient) =>
    asked.startVerification({ to, channel: "sms", subject: `user-${serial}` }, options);
  const answer = await ask(client);
  const acknowledged = answer.ok ? { verificationId: answer.data.id, messageId: answer.data.message.id } : null;
  return { ...common, kind: "verification", acknowledged, retry: ask };
}

/** Sends from many connections at once until the gateway stops answering. */
export async function loadUntilDeath(
  gateway: GatewayProcess,
  connections: number,
  next: ReturnType<typeof createNumbers>,
): Promise<readonly Sent[]> {
  const client = clientOf(gateway);
  const sent: Sent[] = [];
  const run = async (): Promise<void> => {
    for (let isAlive = true; isAlive; ) {
      const one = await sendOne(client, next());
      sent.push(one);
      isAlive = one.acknowledged !== null;
    }
  };
  await Promise.all(Array.from({ length: connections }, run));
  return sent;
}
