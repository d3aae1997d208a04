import { PassThrough } from "node:stream";
import type { FastifyReply } from "fastify";
import type { Server } from "./server.ts";

const HEARTBEAT_MS = 15_000;

/** A server-sent stream that is open until its client goes or the server stops. */
export interface EventStream {
  send(event: { readonly id?: number; readonly name?: string; readonly data: unknown }): void;
  readonly closed: AbortSignal;
}

export type OpenEventStream = (reply: FastifyReply) => EventStream;

/**
 * Server-sent streams of one server. They end when it stops, which would wait for them otherwise.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function createEventStreams(app: Server): OpenEventStream {
  const open = new Set<PassThrough>();
  app.addHook("preClose", async () => {
    for (const body of open) body.end();
  });

  return (reply) => {
    const body = new PassThrough();
    const gone = new AbortController();
    const heartbeat = setInterval(() => body.write(": still here\n\n"), HEARTBEAT_MS);
    open.add(body);
    const end = (): void => {
      clearInterval(heartbeat);
      open.delete(body);
      gone.abort();
    };
    body.once("end", end);
    reply.raw.once("close", end);
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
        if (!gone.signal.aborted && body.writable) body.write(`${head}data: ${JSON.stringify(data)}\n\n`);
      },
    };
  };
}
