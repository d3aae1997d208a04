import { ChangeOptOut, ListOptOuts, OptOut, OptOutList } from "@mestore/sms-gateway-contract";
import { z } from "zod";
import type { OptOut as OptOutRecord } from "../domain/opt-out.ts";
import { requireKey } from "./callers.ts";
import type { Server } from "./server.ts";
import type { Services } from "./services.ts";
import { toInstant } from "./wire.ts";

const ByPhone = z.object({ phone: z.string().max(32) });

const toBody = ({ address, category, since, source }: OptOutRecord): z.output<typeof OptOut> => ({
  ...{ phone: address, category, since: toInstant(since), source },
});

/** Who wants no messages, for operators. */
export function optOutRoutes(app: Server, services: Services): void {
  const { optOuts } = services;
  const onRequest = requireKey(services, "operate");
  const tags = ["operation"];

  app.get(
    "/opt-outs",
    {
      onRequest,
      schema: {
        tags,
        summary: "Lists who wants no messages, newest first",
        querystring: ListOptOuts,
        response: { 200: OptOutList },
      },
    },
    async ({ query: { phone, limit } }) => ({
      optOuts: (await optOuts.list({ limit, ...(phone === undefined ? {} : { phone }) })).map(toBody),
    }),
  );
  app.put(
    "/opt-outs/:phone",
    {
      onRequest,
      schema: {
        tags,
        summary: "Sends a number no more messages, of one category or of all",
        params: ByPhone,
        body: ChangeOptOut,
        response: { 200: OptOut },
      },
    },
    async ({ params: { phone }, body: { category = null } }) => toBody(await optOuts.add(phone, category)),
  );
  app.delete(
    "/opt-outs/:phone",
    {
      onRequest,
      schema: {
        tags,
        summary: "Sends it messages again",
        params: ByPhone,
        body: ChangeOptOut,
        response: { 204: z.null() },
      },
    },
    async ({ params: { phone }, body: { category = null } }, reply) => {
      await optOuts.remove(phone, category);
      return reply.code(204).send(null);
    },
  );
}
