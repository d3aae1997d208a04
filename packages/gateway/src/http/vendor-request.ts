import type { FastifyRequest } from "fastify";
import type { Server } from "./server.ts";

/** Takes bodies as they came, whatever they are: signatures are over their bytes. */
export function takeAnyBody(app: Server): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
}

/** What a vendor sent, before anybody believed a word of it. */
export const requestOf = ({ headers, body }: FastifyRequest): { headers: FastifyRequest["headers"]; body: string } => ({
  headers,
  body: typeof body === "string" ? body : "",
});
