import { z } from "zod";
import type { Server } from "./server.ts";
import type { Services } from "./services.ts";
import { requestOf, takeAnyBody } from "./vendor-request.ts";

/** Says nothing: the carrier answers STOP and START itself. */
const NO_REPLY = '<?xml version="1.0" encoding="UTF-8"?><Response/>';

/** Where vendors post what people write to our senders: STOP and START. */
export function inboundRoutes(app: Server, { optOuts }: Services): void {
  takeAnyBody(app);

  app.post(
    "/:provider",
    // For vendors; nobody who reads the documentation calls it.
    { schema: { hide: true, params: z.object({ provider: z.string() }) } },
    async (request, reply) => {
      await optOuts.receive(request.params.provider, requestOf(request));
      return reply.type("text/xml").send(NO_REPLY);
    },
  );
}
