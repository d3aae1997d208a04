import { type Server as HttpServer, IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { ERRORS, type Locale } from "@mestore/sms-gateway-contract/errors";
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest, LogController } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import helmet from "helmet";
import type { z } from "zod";
import { AppError } from "../domain/app-error.ts";
import { createErrorHandler, PROBLEM_TYPE, toProblem } from "./errors.ts";
import { fieldsInvalid } from "./read.ts";

/** Well under Node's own 60, 300 and 30 seconds: a slow sender must not hold a socket for long. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 15_000;
const CONNECTIONS_CHECK_MS = 2_000;
const KEEP_ALIVE_MS = 30_000;
const MAX_BODY_BYTES = 16_384;
const JSON_TYPE = /^application\/json(?:\s*;\s*charset=utf-8)?$/i;

export interface ServerOptions {
  readonly logger: FastifyBaseLogger;
  readonly defaultLocale: Locale;
  /** Where problem types are documented. */
  readonly typeBase: string;
  /** Proxies whose `X-Forwarded-For` counts; empty trusts nobody. */
  readonly trustProxy: readonly string[];
  /** Host names that are answered; undefined answers all. */
  readonly allowedHosts: readonly string[] | undefined;
}

export type Server = FastifyInstance<HttpServer, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypeProvider>;

const hostName = (host: string): string => host.replace(/:\d+$/, "").toLowerCase();

/** Refuses names that are not ours: a page that rebinds its own name to this machine gets nothing. */
const createHostGuard = (allowed: readonly string[]) => async (request: FastifyRequest) => {
  if (allowed.includes(hostName(request.headers.host ?? ""))) return;
  throw new AppError("json_invalid", {
    problem: { es: "este servidor solo responde a localhost", en: "this server only answers to localhost" },
  });
};

/** @see RFC 9112, 3.2: without a Host the request is refused */
const requireHost = async (request: FastifyRequest) => {
  if (request.headers.host !== undefined || request.raw.httpVersionMajor !== 1) return;
  if (request.raw.httpVersionMinor === 0) return;
  throw new AppError("json_invalid", { problem: { es: "falta el encabezado Host", en: "the Host header is missing" } });
};

/** Only JSON in UTF-8 is read; `__proto__` and `constructor` are refused by the parser. */
function acceptJsonOnly(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, body, done) => {
    if (JSON_TYPE.test(request.headers["content-type"] ?? "")) void parse(request, body as string, done);
    else done(new AppError("media_type_unsupported"));
  });
}

/** One answered request: the route's template, never URL, query or body. */
export interface AnsweredRequest {
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly ms: number;
}

export type OnAnswer = (request: AnsweredRequest) => void;

function noteAnswers(app: FastifyInstance, onAnswer: OnAnswer): void {
  app.addHook("onResponse", (request, reply, done) => {
    const route = request.routeOptions.url ?? "unknown";
    const answered = {
      method: request.method,
      route,
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 10) / 10,
    };
    request.log.info(answered, "request");
    onAnswer(answered);
    done();
  });
}

/**
 * Answers a known path with the methods it has when it is asked with another. Called in the scope whose hooks those
 * answers need too, such as the one for preflights.
 *
 * @returns what to call when every route is there; routes from before this call are left as they are
 */
export function refuseOtherMethods(app: FastifyInstance): () => void {
  const methods = new Map<string, Set<string>>();
  app.addHook("onRoute", ({ url, method }) => {
    const known = methods.get(url) ?? new Set();
    for (const name of [method].flat()) known.add(name);
    methods.set(url, known);
  });
  return () => {
    for (const [url, known] of [...methods]) {
      if (url.includes("*")) continue;
      const others = (["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] as const).filter(
        (name) => !known.has(name),
      );
      const allow = [...known].sort().join(", ");
      if (others.length === 0) continue;
      app.route({
        url: url.slice(app.prefix.length),
        method: others,
        schema: { hide: true },
        handler: async () => {
          throw new AppError("method_not_allowed", { allow });
        },
      });
    }
  };
}

type BrokenHttpHandler = (error: Pick<NodeJS.ErrnoException, "code">, socket: Duplex) => void;

/** What a client that speaks broken HTTP reads: there is no request to take a language from. */
const createBrokenHttpHandler =
  ({ defaultLocale, typeBase }: ServerOptions, newId: () => string): BrokenHttpHandler =>
  (error, socket) => {
    if (error.code === "ECONNRESET" || !socket.writable) {
      socket.destroy();
      return;
    }
    const problem = { es: "la petición HTTP está rota", en: "the HTTP request is broken" };
    const context = { locale: defaultLocale, requestId: newId(), typeBase };
    const body = JSON.stringify(toProblem(new AppError("json_invalid", { problem }), context));
    const head = [
      `HTTP/1.1 ${ERRORS.json_invalid.status} Bad Request`,
      "Connection: close",
      `Content-Type: ${PROBLEM_TYPE}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  };

/** Helmet's headers are the same for every answer, so they are made once; pages loosen the policy for themselves. */
function securityHeaders(): OutgoingHttpHeaders {
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  const nothing = ["'none'"];
  helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: nothing, frameAncestors: nothing, formAction: nothing, baseUri: nothing },
    },
    crossOriginResourcePolicy: { policy: "same-origin" },
  })(request, response, () => undefined);
  return { ...response.getHeaders() };
}

let started = 0;

/** A number for each request of this process, behind a name for the process. */
function createRequestIds(): () => string {
  const process = `${(performance.timeOrigin % 1e9).toString(36).slice(0, 6)}${(started++).toString(36)}`;
  let count = 0;
  return () => `req_${process}_${(count++).toString(36)}`;
}

/** Makes an HTTP server with everything that all surfaces share, and no route. */
export async function createServer(options: ServerOptions, onAnswer: OnAnswer): Promise<Server> {
  const { logger, defaultLocale, typeBase, trustProxy, allowedHosts } = options;
  const newId = createRequestIds();
  const handleError = createErrorHandler({ defaultLocale, typeBase });
  const handleBrokenHttp = createBrokenHttpHandler(options, newId);
  const app = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: newId,
    requestIdHeader: false,
    trustProxy: trustProxy.length === 0 ? false : [...trustProxy],
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
      // Node answers without a body; `requireHost` answers with a problem.
      requireHostHeader: false,
    },
    clientErrorHandler: handleBrokenHttp,
    // Addresses that no route can be found for: a broken escape, a parameter that is too long.
    frameworkErrors: handleError,
    return503OnClosing: false,
    forceCloseConnections: "idle",
    routerOptions: { ignoreTrailingSlash: false, maxParamLength: 256 },
  }).withTypeProvider<ZodTypeProvider>();

  app.setValidatorCompiler<z.ZodType>(({ schema }) => (data) => {
    const result = schema.safeParse(data, { reportInput: true });
    return result.success ? { value: result.data } : { error: fieldsInvalid(result.error) };
  });
  // The shapes of answers document; the wire functions make them, and the tests hold one against the other.
  app.setSerializerCompiler(() => JSON.stringify);
  app.setErrorHandler(handleError);
  app.setNotFoundHandler(async () => {
    throw new AppError("path_not_found");
  });
  const headers = securityHeaders();
  app.addHook("onRequest", async (_request, reply) => {
    reply.headers(headers);
  });
  acceptJsonOnly(app);
  app.addHook("onRequest", allowedHosts === undefined ? requireHost : createHostGuard(allowedHosts));
  noteAnswers(app, onAnswer);
  // An `Expect` that nobody can meet: Node would answer without a body.
  app.server.on("checkExpectation", ({ socket }) => handleBrokenHttp({}, socket));
  return app;
}
