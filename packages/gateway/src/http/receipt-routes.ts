import { z } from "zod";
import type { Server } from "./server.ts";
import type { Services } from "./services.ts";

const Address = z.object({ provider: z.string(), messageId: z.string(), token: z.string() });

/** Where vendors post what became of a message. Their own signature is what is believed; the path names the attempt. */
export function receiptRoutes(app: Server, { receipts }: Services): void {
  // Signatures are over the bytes as they came, whatever they are.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));

  app.post(
    "/:provider/:messageId/:token",
    {
      // For vendors; nobody who reads the documentation calls it.
      schema: { hide: true, params: Address },
    },
    async (request, reply) => {
      const body = typeof request.body === "string" ? request.body : "";
      await receipts.receive(request.params, { headers: request.headers, body });
      return reply.code(204).send(null);
    },
  );
}
