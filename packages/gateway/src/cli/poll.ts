import type { GatewayClient } from "@mestore/sms-gateway-client";
import type { Message } from "@mestore/sms-gateway-contract";

const EVERY_MS = 250;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Reads a message again and again until it is where it should be, the time is up, or it cannot be read.
 *
 * @returns the message as it was last seen
 */
export async function messageWhen(
  gateway: GatewayClient,
  first: Message,
  { isDone, withinSeconds }: { readonly isDone: (message: Message) => boolean; readonly withinSeconds: number },
): Promise<Message> {
  const until = performance.now() + withinSeconds * 1000;
  let message = first;
  while (!isDone(message) && performance.now() < until) {
    await pause(EVERY_MS);
    const read = await gateway.getMessage(message.id);
    if (!read.ok) return message;
    message = read.data;
  }
  return message;
}
