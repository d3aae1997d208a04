import { Problem } from "@mestore/sms-gateway-contract";
import { ERRORS, type ErrorCode } from "@mestore/sms-gateway-contract/errors";
import { z } from "zod";
import { AppError } from "../domain/app-error.ts";
import type { Server } from "./server.ts";
import type { Services } from "./services.ts";

const Health = z.object({ status: z.literal("ok") });

const Texts = z.object({ es: z.string(), en: z.string() });
/** `text` shows what changes in braces. */
const ProblemType = z.object({ code: z.string(), status: z.int(), title: Texts, text: Texts });

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(ERRORS, code);
const exampleText = (text: string | { readonly other: string }): string =>
  typeof text === "string" ? text : text.other;

/** What anybody may ask: health without detail, the meaning of an error, the keys that proofs are checked with. */
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
      // Without its limiter a gateway sends nothing, and still checks: it stays where requests reach it.
      await store.ping();
      return { status: "ok" } as const;
    },
  );
  app.get(
    "/problems/:code",
    {
      schema: {
        tags,
        summary: "What the `type` of an error leads to (RFC 9457)",
        params: z.object({ code: z.string().max(64) }),
        response: { 200: ProblemType, 404: Problem },
      },
    },
    async ({ params: { code } }) => {
      if (!isErrorCode(code)) throw new AppError("not_found");
      const { status, title, es, en } = ERRORS[code];
      return { code, status, title, text: { es: exampleText(es), en: exampleText(en) } };
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
