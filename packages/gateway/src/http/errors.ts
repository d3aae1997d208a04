import type { Problem } from "@mestore/sms-gateway-contract";
import { ERRORS, errorText, type Locale } from "@mestore/sms-gateway-contract/errors";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { AppError } from "../domain/app-error.ts";
import { localeOf } from "./locale.ts";

export const PROBLEM_TYPE = "application/problem+json";

const invalid = (es: string, en: string, cause: unknown): AppError =>
  new AppError("json_invalid", { problem: { es, en } }, { cause });

/** What the HTTP library refuses before a route runs, in our codes. */
function fromLibrary(error: FastifyError): AppError {
  switch (error.code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return new AppError("body_too_large", {}, { cause: error });
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return new AppError("media_type_unsupported", {}, { cause: error });
    case "FST_ERR_CTP_EMPTY_JSON_BODY":
      return invalid("el cuerpo está vacío", "the body is empty", error);
    case "FST_ERR_CTP_INVALID_JSON_BODY":
      return invalid("el cuerpo no es JSON", "the body is not JSON", error);
    default:
      return error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500
        ? invalid("no se pudo leer", "it could not be read", error)
        : new AppError("internal_error", {}, { cause: error });
  }
}

const toAppError = (error: unknown): AppError =>
  error instanceof AppError ? error : fromLibrary(error as FastifyError);

export interface ProblemContext {
  readonly locale: Locale;
  readonly requestId: string;
  /** Where problem types are documented. */
  readonly typeBase: string;
}

/** Writes an error as the body that every surface answers with. */
export function toProblem({ code, details }: AppError, { locale, requestId, typeBase }: ProblemContext): Problem {
  const text = errorText(code, locale, details);
  return {
    type: `${typeBase}/problems/${code}`,
    title: ERRORS[code].title[locale],
    status: ERRORS[code].status,
    detail: text,
    message: text,
    success: false,
    code,
    ...(details.attemptsRemaining === undefined ? {} : { attempts_remaining: details.attemptsRemaining }),
    ...(details.retryAfterSeconds === undefined ? {} : { retry_after: details.retryAfterSeconds }),
    request_id: requestId,
  };
}

export interface ErrorOptions {
  readonly defaultLocale: Locale;
  readonly typeBase: string;
}

/** Answers every error of every route. */
export const createErrorHandler =
  ({ defaultLocale, typeBase }: ErrorOptions) =>
  (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const appError = toAppError(error);
    const { code, details, cause } = appError;
    const { status } = ERRORS[code];
    if (cause !== undefined && status >= 500) request.log.error({ code, err: cause }, "request failed");
    else if (status >= 500) request.log.warn({ code }, "request refused");
    const problem = toProblem(appError, { locale: localeOf(request, defaultLocale), requestId: request.id, typeBase });
    if (details.retryAfterSeconds !== undefined) reply.header("retry-after", details.retryAfterSeconds);
    if (details.allow !== undefined) reply.header("allow", details.allow);
    if (status === 401) reply.header("www-authenticate", "Bearer");
    return reply.code(status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
  };
