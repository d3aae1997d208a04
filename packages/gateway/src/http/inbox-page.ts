import { fileURLToPath } from "node:url";
import fastifyStatic from "@fastify/static";
import type { Server } from "./server.ts";

const ROOT = fileURLToPath(import.meta.resolve("@mestore/sms-gateway-console/inbox/index.html"));
const CSP = "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

/** The inbox as a page, in simulation. */
export async function inboxPage(app: Server): Promise<void> {
  await app.register(fastifyStatic, {
    root: ROOT.slice(0, ROOT.lastIndexOf("/")),
    prefix: "/inbox/",
    index: false,
    cacheControl: false,
    setHeaders: (reply) => reply.header("content-security-policy", CSP),
  });
  app.get("/", { schema: { hide: true } }, async (_request, reply) =>
    reply.header("content-security-policy", CSP).sendFile("index.html"),
  );
}
