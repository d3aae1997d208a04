import { ERRORS } from "@mestore/sms-gateway-contract/errors";
import type { FastifyReply, FastifyRequest } from "fastify";
import { AppError } from "../domain/app-error.ts";
import type { IdempotentAnswer } from "../domain/idempotency.ts";
import type { Idempotency } from "../services/idempotency.ts";
import { type ErrorOptions, PROBLEM_TYPE, toProblem } from "./errors.ts";
import { localeOf } from "./locale.ts";

const MAX_KEY_LENGTH = 255;
const KEY = /^"?([\x21\x23-\x7e]+)"?$/;

/** An answer before it is written: a body, or the error that a send came to. */
export type Outcome = { readonly status: number; readonly body: unknown } | AppError;

/** @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/ */
function keyOfRequest(request: FastifyRequest): string | null {
  const header = request.headers["idempotency-key"];
  if (header === undefined) return null;
  const key = typeof header === "string" && header.length <= MAX_KEY_LENGTH ? KEY.exec(header)?.[1] : undefined;
  if (key !== undefined) return key;
  const problem = {
    es: `Idempotency-Key debe tener de 1 a ${MAX_KEY_LENGTH} caracteres ASCII visibles`,
    en: `Idempotency-Key must have 1 to ${MAX_KEY_LENGTH} visible ASCII characters`,
  };
  throw new AppError("fields_invalid", { problem });
}

export interface IdempotentRoute {
  readonly idempotency: Idempotency;
  readonly errors: ErrorOptions;
  /** Names who asks. */
  readonly caller: string;
  /**
   * Does the work.
   *
   * @param key set when the first answer is to be kept in the commit that does the work
   */
  readonly act: (key: string | undefined) => Promise<Outcome>;
}

/** Writes an outcome as bytes; what failed on our side is not final, so a retry with the same key acts again. */
export function toAnswer(outcome: Outcome, request: FastifyRequest, errors: ErrorOptions): IdempotentAnswer {
  if (!(outcome instanceof AppError)) return { status: outcome.status, body: JSON.stringify(outcome.body) };
  const context = { locale: localeOf(request, errors.defaultLocale), requestId: request.id, typeBase: errors.typeBase };
  return { status: ERRORS[outcome.code].status, body: JSON.stringify(toProblem(outcome, context)) };
}

/** Answers a route that sends, once per `Idempotency-Key`. */
export async function answerOnce(
  request: FastifyRequest,
  reply: FastifyReply,
  route: IdempotentRoute,
): Promise<FastifyReply> {
  const key = keyOfRequest(request);
  if (key === null) {
    const outcome = await route.act(undefined);
    if (outcome instanceof AppError) throw outcome;
    return reply.code(outcome.status).send(outcome.body);
  }
  const claim = {
    caller: route.caller,
    key,
    route: `${request.method} ${request.routeOptions.url}`,
    body: request.body,
  };
  const answer = await route.idempotency.once(claim, async (stored) => {
    const outcome = await route.act(stored);
    const isFinal = !(outcome instanceof AppError) || ERRORS[outcome.code].status < 500;
    return { answer: toAnswer(outcome, request, route.errors), final: isFinal };
  });
  const isProblem = answer.status >= 400;
  if (isProblem) {
    const { retry_after: retryAfter } = JSON.parse(answer.body) as { retry_after?: number };
    if (retryAfter !== undefined) reply.header("retry-after", retryAfter);
  }
  return reply
    .code(answer.status)
    .type(isProblem ? PROBLEM_TYPE : "application/json; charset=utf-8")
    .send(answer.body);
}
