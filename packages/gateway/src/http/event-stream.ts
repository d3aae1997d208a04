import { PassThrough } from "node:stream";
import type { FastifyReply } from "fastify";

const HEARTBEAT_MS = 15_000;

/** A server-sent stream that is open until its client goes. */
export interface EventStream {
  send(event: { readonly id?: number; readonly name?: string; readonly data: unknown }): void;
  /** Aborts when the client is gone. */
  readonly closed: AbortSignal;
}

/**
 * Opens a server-sent stream.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function openEventStream(reply: FastifyReply): EventStream {
  const body = new PassThrough();
  const gone = new AbortController();
  const heartbeat = setInterval(() => body.write(": still here\n\n"), HEARTBEAT_MS);
  reply.raw.on("close", () => {
    clearInterval(heartbeat);
    body.end();
    gone.abort();
  });
  reply
    .header("cache-control", "no-store")
    .header("x-accel-buffering", "no")
    .type("text/event-stream; charset=utf-8")
    .send(body);
  body.write(": open\n\n");
  return {
    closed: gone.signal,
    send: ({ id, name, data }) => {
      const head = `${id === undefined ? "" : `id: ${id}\n`}${name === undefined ? "" : `event: ${name}\n`}`;
      if (!gone.signal.aborted) body.write(`${head}data: ${JSON.stringify(data)}\n\n`);
    },
  };
}
