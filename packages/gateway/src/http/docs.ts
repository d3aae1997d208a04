import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import { createJsonSchemaTransform } from "fastify-type-provider-zod";
import type { Server } from "./server.ts";

const TAGS = [
  {
    name: "auth",
    description: "Surface A: what a front end calls (`Authorization: Bearer <JWT of the host>`, or the open flow)",
  },
  { name: "sms", description: "Surface A, for servers" },
  { name: "verifications", description: "Surface B: `Authorization: Bearer sk_…`" },
  { name: "messages" },
  { name: "contacts" },
  { name: "limits" },
  { name: "operation" },
  { name: "inbox", description: "Simulation only" },
  { name: "public" },
];

/** Writes OpenAPI 3.1 from the routes, at `/openapi.json`, and a page to read it, at `/docs`. Registered before the routes. */
export async function docs(app: Server, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "MeStore SMS Gateway", version, license: { name: "MIT", identifier: "MIT" } },
      tags: TAGS,
      components: { securitySchemes: { bearer: { type: "http", scheme: "bearer" } } },
    },
    transform: createJsonSchemaTransform({ skipList: [] }),
  });
  await app.register(swaggerUi, {
    routePrefix: "/docs",
    uiConfig: { deepLinking: true, docExpansion: "list" },
    staticCSP: true,
    transformStaticCSP: (header) => header,
  });
  app.get("/openapi.json", { schema: { hide: true } }, async () => app.swagger());
}
