import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import { Problem } from "@mestore/sms-gateway-contract";
import type { RouteOptions } from "fastify";
import { createJsonSchemaTransform } from "fastify-type-provider-zod";
import { PROBLEM_TYPE } from "./errors.ts";
import type { Server } from "./server.ts";

const TITLE = "MeStore SMS Gateway";

/** The page writes styles into its elements, loads nothing from elsewhere, and works over plain HTTP too. */
const PAGE_CSP = {
  "default-src": "'self'",
  "base-uri": "'none'",
  "form-action": "'none'",
  "frame-ancestors": "'none'",
  "img-src": "'self' data:",
  "object-src": "'none'",
  "style-src": "'self' 'unsafe-inline'",
};

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
  { name: "webhooks" },
  { name: "inbox", description: "Simulation only" },
  { name: "public" },
];

const SECURITY_SCHEMES = {
  apiKey: { type: "http", scheme: "bearer", description: "`sk_…`, made by `sms-gateway keys create`" },
  hostToken: {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description: "Access token of the host application",
  },
} as const;

/** Operations of the open flow may also come without a token. */
export const HOST_TOKEN = [{ hostToken: [] }];
export const HOST_TOKEN_OR_NOBODY = [...HOST_TOKEN, {}];

const ANY_PROBLEM = {
  default: { description: "Every error (RFC 9457)", content: { [PROBLEM_TYPE]: { schema: Problem } } },
};

/** What `requireKey` asks for, written down where the route is. */
function securityOf({ onRequest }: RouteOptions) {
  const guard = [onRequest].flat().find((hook) => hook !== undefined && "scope" in hook);
  return guard === undefined || !("scope" in guard) ? {} : { security: [{ apiKey: [String(guard.scope)] }] };
}

const toJsonSchema = createJsonSchemaTransform({ skipList: [] });

const transform: typeof toJsonSchema = (document) => {
  const { schema, route } = document;
  if (schema === undefined || schema.hide === true) return toJsonSchema(document);
  const response = { ...(schema.response as object | undefined), ...ANY_PROBLEM };
  return toJsonSchema({ ...document, schema: { ...securityOf(route), ...schema, response } });
};

/** Writes OpenAPI 3.1 from the routes, at `/openapi.json`, and a page to read it, at `/docs`. Registered before the routes. */
export async function docs(app: Server, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: TITLE, version, license: { name: "MIT", identifier: "MIT" } },
      tags: TAGS,
      components: { securitySchemes: SECURITY_SCHEMES },
    },
    transform,
  });
  await app.register(swaggerUi, {
    routePrefix: "/docs",
    uiConfig: { deepLinking: true, docExpansion: "list", layout: "BaseLayout" },
    theme: { title: TITLE },
    staticCSP: PAGE_CSP,
  });
  app.get("/openapi.json", { schema: { hide: true } }, async () => app.swagger());
}
