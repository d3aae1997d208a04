import { Problem } from "@mestore/sms-gateway-contract";
import { z } from "zod";
import { AppError } from "../domain/app-error.ts";
import type { Server } from "./server.ts";
import type { Services } from "./services.ts";

const Health = z.object({ status: z.literal("ok") });

/** What anybody may ask: health without detail, and the keys that proofs are checked with. */
export function publicRoutes(app: Server, { store, signer }: Services, isReady: () => boolean): void {
  const tags = ["public"];
  app.get(
    "/livez",
    { schema: { tags, summary: "The process runs", response: { 200: Health } } },
    async () => ({ status: "ok" }) as const,
  );
  app.get(
    "/readyz",
    { schema: { tags, summary: "Requests can be served", response: { 200: Health, 503: Problem } } },
    async () => {
      if (!isReady()) throw new AppError("service_unavailable", { retryAfterSeconds: 5 });
      await store.ping();
      return { status: "ok" } as const;
    },
  );
  app.get(
    "/.well-known/jwks.json",
    {
      schema: {
        tags,
        summary: "Public keys of the proofs (RFC 7517)",
        response: { 200: z.object({ keys: z.array(z.record(z.string(), z.unknown())) }) },
      },
    },
    async (_request, reply) =>
      reply.header("cache-control", "public, max-age=300").send({ keys: [...signer.keySet.keys] }),
  );
}
