import { Agent } from "undici";
import { type Exchange, exchange, NOTHING_SENT } from "./exchange.ts";

const TIMEOUT_MS = 8_000;
const CONNECT_TIMEOUT_MS = 5_000;
const MAX_CONNECTIONS = 64;

/** One HTTP call, whole. */
export interface Call {
  readonly method: "GET" | "POST" | "PUT";
  /** Absolute. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Makes calls over connections of its own. */
export interface Caller {
  /** Never throws; what cannot even be written, such as a header with a line break, was not sent. */
  call(call: Call, signal: AbortSignal): Promise<Exchange>;
  close(): Promise<void>;
}

/** @param timeoutMs how long one call may take, 8 s unless told */
export function createCaller(timeoutMs: number | undefined = TIMEOUT_MS): Caller {
  // Without HTTP/2 each connection carries one message, so that a reset makes one message unknown and not a hundred.
  const agent = new Agent({ connections: MAX_CONNECTIONS, connect: { timeout: CONNECT_TIMEOUT_MS }, allowH2: false });
  return {
    call: async ({ method, url, headers, body }, signal) => {
      try {
        const { origin, pathname, search } = new URL(url);
        const request = { origin, path: pathname + search, method, headers: { ...headers }, body: body ?? null };
        return await exchange(agent, request, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
      } catch {
        return NOTHING_SENT;
      }
    },
    close: async () => {
      if (!agent.closed) await agent.close();
    },
  };
}
