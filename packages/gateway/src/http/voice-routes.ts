import { z } from "zod";
import type { Server } from "./server.ts";
import type { Services } from "./services.ts";
import { requestOf, takeAnyBody } from "./vendor-request.ts";

const Address = z.object({ messageId: z.string(), token: z.string() });

/** Where vendors ask what to say in a call. Their own signature is what is believed; the path names the attempt. */
export function voiceRoutes(app: Server, { voiceScripts }: Services): void {
  takeAnyBody(app);

  app.route({
    method: ["GET", "POST"],
    url: "/:messageId/:token",
    // For vendors; nobody who reads the documentation calls it.
    schema: { hide: true, params: Address },
    handler: async (request, reply) => {
      // The answer holds a code: nothing between here and the vendor may keep it, nor what it refused.
      reply.header("cache-control", "no-store");
      const { url } = request;
      const query = url.includes("?") ? url.slice(url.indexOf("?")) : "";
      const document = await voiceScripts.read(request.params, { ...requestOf(request), query });
      return reply.type(document.type).send(document.body);
    },
  });
}
