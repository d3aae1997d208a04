import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { startGateway, type TestGateway } from "../start-gateway.ts";
import { ask, expectShape } from "./http.ts";

/** What this project writes of OpenAPI 3.1, and no more: a member that is not here is a mistake. */
const Schema = z.record(z.string(), z.unknown());
const Content = z.record(z.string().regex(/^[a-z]+\/[a-z+-]+$/), z.strictObject({ schema: Schema }));
const Response = z.strictObject({ description: z.string().min(1), content: Content.optional() });
const Parameter = z.strictObject({
  name: z.string(),
  in: z.enum(["path", "query", "header"]),
  required: z.boolean(),
  schema: Schema,
  description: z.string().optional(),
});
const Operation = z.strictObject({
  summary: z.string().min(1),
  tags: z.array(z.string()).min(1),
  parameters: z.array(Parameter).optional(),
  requestBody: z.strictObject({ required: z.literal(true), content: Content }).optional(),
  responses: z.record(z.string().regex(/^([2-5]\d\d|default)$/), Response),
  security: z.array(z.record(z.string(), z.array(z.string()))).optional(),
});
const Document = z.strictObject({
  openapi: z.literal("3.1.0"),
  info: z.strictObject({
    title: z.string(),
    version: z.string(),
    license: z.strictObject({ name: z.string(), identifier: z.string() }),
  }),
  tags: z.array(z.strictObject({ name: z.string(), description: z.string().optional() })),
  paths: z.record(
    z.string().startsWith("/"),
    z.record(z.enum(["get", "post", "put", "patch", "delete"]), Operation.optional()),
  ),
  components: z.strictObject({
    securitySchemes: z.record(
      z.string(),
      z.strictObject({
        type: z.literal("http"),
        scheme: z.literal("bearer"),
        bearerFormat: z.string().optional(),
        description: z.string(),
      }),
    ),
    schemas: z.record(z.string(), Schema),
  }),
});

/** Sections A and B of the contract, and what is public. */
const ROUTES = [
  "GET /livez",
  "GET /readyz",
  "GET /.well-known/jwks.json",
  "GET /problems/{code}",
  "POST /api/v1/auth/send-verification-sms",
  "POST /api/v1/auth/verify-phone-otp",
  "POST /api/v1/auth/send-verification-email",
  "POST /api/v1/auth/verify-email-otp",
  "GET /api/v1/auth/verification-status",
  "GET /api/v1/sms/status",
  "GET /api/v1/sms/rate-limit/{phone}",
  "POST /api/v1/sms/notifications",
  "POST /v1/verifications",
  "GET /v1/verifications/{id}",
  "POST /v1/verifications/{id}/check",
  "POST /v1/verifications/{id}/cancel",
  "POST /v1/messages",
  "GET /v1/messages",
  "GET /v1/messages/{id}",
  "GET /v1/limits/{phone}",
  "DELETE /v1/limits/{phone}",
  "PUT /v1/contacts/{sub}",
  "GET /v1/contacts/{sub}",
  "DELETE /v1/contacts/{sub}",
  "GET /v1/pauses",
  "PUT /v1/pauses",
  "DELETE /v1/pauses",
  "POST /v1/templates/lint",
  "GET /v1/route",
  "GET /v1/opt-outs",
  "PUT /v1/opt-outs/{phone}",
  "DELETE /v1/opt-outs/{phone}",
  "POST /v1/webhooks",
  "GET /v1/webhooks",
  "PATCH /v1/webhooks/{id}",
  "DELETE /v1/webhooks/{id}",
  "POST /v1/webhooks/{id}/rotate",
  "POST /v1/webhooks/{id}/test",
  "GET /v1/webhooks/{id}/deliveries",
  "POST /v1/webhooks/deliveries/{id}/replay",
  "GET /v1/status",
  "GET /v1/events",
];
const SIMULATION_ROUTES = [
  "GET /v1/inbox",
  "DELETE /v1/inbox",
  "GET /v1/inbox/wait",
  "GET /v1/inbox/live",
  "GET /v1/inbox/magic-numbers",
];

const NO_KEY = /^\/(livez|readyz|problems|\.well-known|v1\/inbox)/;

let gateway: TestGateway;
let document: z.output<typeof Document>;

beforeAll(async () => {
  gateway = await startGateway();
  document = expectShape(Document, (await ask(gateway.url, "GET /openapi.json")).body);
});
afterAll(() => gateway.stop());

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, operation]) =>
      operation === undefined ? [] : [{ path, method, line: `${method.toUpperCase()} ${path}`, ...operation }],
    ),
  );

/** Every schema with the places it holds further ones. */
function* schemasIn(value: unknown): Generator<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value)) yield value as Record<string, unknown>;
  for (const inner of Object.values(value)) yield* schemasIn(inner);
}

describe("/openapi.json", () => {
  it("has every route of the contract and no other", () => {
    const lines = operations().map(({ line }) => line);
    expect(lines.sort()).toEqual([...ROUTES, ...SIMULATION_ROUTES].sort());
  });

  it("describes a success and the one body of errors for each operation", () => {
    for (const { line, responses } of operations()) {
      const codes = Object.keys(responses);
      expect(
        codes.some((code) => code.startsWith("2")),
        line,
      ).toBe(true);
      expect(Object.keys(responses["default"]?.content ?? {}), line).toEqual(["application/problem+json"]);
    }
  });

  it("declares each parameter of a path, and the body of each operation that reads one", () => {
    for (const { line, path, method, parameters = [], requestBody } of operations()) {
      const inPath = parameters.filter((parameter) => parameter.in === "path");
      expect(
        inPath.map(({ name }) => `{${name}}`),
        line,
      ).toEqual(path.match(/\{\w+\}/g) ?? []);
      expect(
        inPath.every(({ required }) => required),
        line,
      ).toBe(true);
      const reads =
        method === "put" || method === "patch" || (method === "post" && !/\/(cancel|rotate|test|replay)$/.test(path));
      if (reads) expect(Object.keys(requestBody?.content ?? {}), line).toEqual(["application/json"]);
    }
  });

  it("says which credentials each operation wants", () => {
    const schemes = Object.keys(document.components.securitySchemes);
    for (const { line, path, security = [] } of operations()) {
      expect(schemes, line).toEqual(expect.arrayContaining(security.flatMap((wanted) => Object.keys(wanted))));
      expect(security.length === 0, line).toBe(NO_KEY.test(path));
    }
    const wants = (line: string) => operations().find((operation) => operation.line === line)?.security;
    expect(wants("POST /v1/messages")).toEqual([{ apiKey: ["send"] }]);
    expect(wants("GET /api/v1/auth/verification-status")).toEqual([{ hostToken: [] }]);
    expect(wants("POST /api/v1/auth/send-verification-sms")).toEqual([{ hostToken: [] }, {}]);
  });

  it("says what is streamed", () => {
    for (const path of ["/v1/events", "/v1/inbox/live"]) {
      expect(Object.keys(document.paths[path]?.get?.responses["200"]?.content ?? {})).toEqual(["text/event-stream"]);
    }
  });

  it("uses declared tags, schemas of JSON Schema, and no reference into nowhere", () => {
    const tags = document.tags.map(({ name }) => name);
    for (const { line, tags: used } of operations()) expect(tags, line).toEqual(expect.arrayContaining(used));
    const types = ["string", "number", "integer", "boolean", "object", "array", "null"];
    for (const schema of schemasIn(document.paths)) {
      if (typeof schema["type"] === "string") expect(types).toContain(schema["type"]);
      expect(schema).not.toHaveProperty("$ref");
      expect(schema).not.toHaveProperty("nullable");
    }
  });

  it("closes the bodies that it reads: an unknown field is refused", () => {
    for (const { line, requestBody } of operations()) {
      if (requestBody === undefined) continue;
      const schema = requestBody.content["application/json"]?.schema ?? {};
      const shapes = (schema["anyOf"] ?? [schema]) as readonly Record<string, unknown>[];
      for (const shape of shapes) expect(shape["additionalProperties"], line).toBe(false);
    }
  });

  it("knows where the open flow is off", async () => {
    const closed = await startGateway({ OPEN_VERIFICATION: "false" });
    try {
      const { paths } = expectShape(Document, (await ask(closed.url, "GET /openapi.json")).body);
      expect(paths["/api/v1/auth/send-verification-sms"]?.post?.security).toEqual([{ hostToken: [] }]);
    } finally {
      await closed.stop();
    }
  });
});

describe("/docs", () => {
  it("is a page whose every part is there", async () => {
    const page = await ask(gateway.url, "GET /docs/");
    expect(page.status).toBe(200);
    expect(page.headers.get("content-type")).toContain("text/html");
    const parts = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path ?? "");
    expect(parts.length).toBeGreaterThan(3);
    for (const part of parts) {
      const { pathname, origin } = new URL(part, `${gateway.url}/docs/`);
      expect(origin).toBe(gateway.url);
      expect((await ask(gateway.url, `GET ${pathname}`)).status, part).toBe(200);
    }
  });
});
