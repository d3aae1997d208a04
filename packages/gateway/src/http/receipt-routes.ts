import { z } from "zod";
import type { Server } from "./server.ts";
import type { Services } from "./services.ts";
import { requestOf, takeAnyBody } from "./vendor-request.ts";

const Address = z.object({ provider: z.string(), messageId: z.string(), token: z.string() });

/** Where vendors post what became of a message. Their own signature is what is believed; the path names the attempt. */
export function receiptRoutes(app: Server, { receipts }: Services): void {
  takeAnyBody(app);

  app.post(
    "/:provider/:messageId/:token",
    {
      // For vendors; nobody who reads the documentation calls it.
      schema: { hide: true, params: Address },
    },
    async (request, reply) => {
      await receipts.receive(request.params, requestOf(request));
      return reply.code(204).send(null);
    },
  );
}
