import Fastify, { type FastifyInstance } from "fastify";

/** What the endpoint writes out. */
export interface MetricsText {
  readonly contentType: string;
  text(): Promise<string>;
}

/** A server of its own, so that metrics never share an address with callers. */
export function metricsServer(metrics: MetricsText): FastifyInstance {
  const app = Fastify({ logger: false });
  app.get("/metrics", async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));
  return app;
}
