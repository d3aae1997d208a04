import { GatewayEvent } from "@mestore/sms-gateway-contract";
import { z } from "zod";
import { keyOf, requireKey } from "./callers.ts";
import type { OpenEventStream } from "./event-stream.ts";
import type { Server } from "./server.ts";
import type { Services } from "./services.ts";
import { toEventBody } from "./wire.ts";

const POLL_MS = 500;
const BATCH = 200;
const After = z.strictObject({ after: z.coerce.number().int().min(0).optional() });

/** The events of a tenant, as they happen: read with fetch and the key in its header. */
export function eventRoutes(app: Server, services: Services, openEventStream: OpenEventStream): void {
  const { events, clock } = services;
  app.get(
    "/events",
    {
      onRequest: requireKey(services, "read"),
      schema: {
        tags: ["operation"],
        summary: "Server-sent events, from `after` or Last-Event-ID, else from now on",
        querystring: After,
        response: {
          200: { description: "The `data` of each event", content: { "text/event-stream": { schema: GatewayEvent } } },
        },
      },
    },
    async (request, reply) => {
      const { tenant } = keyOf(request);
      const lastId = Number(request.headers["last-event-id"]);
      let seq = request.query.after ?? (Number.isSafeInteger(lastId) && lastId > 0 ? lastId : await events.lastSeq());
      const stream = openEventStream(reply);
      while (!stream.closed.aborted) {
        const batch = await events.listEvents(tenant, seq, BATCH);
        for (const event of batch) {
          stream.send({ id: event.seq, name: event.type, data: toEventBody(event) });
          seq = event.seq;
        }
        if (batch.length < BATCH) await clock.sleep(POLL_MS, stream.closed);
      }
      return reply;
    },
  );
}
