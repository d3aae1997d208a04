import { Problem } from "@mestore/sms-gateway-contract";
import { ERRORS, type ErrorCode, type Locale } from "@mestore/sms-gateway-contract/errors";
import { expect } from "vitest";
import { z } from "zod";

export interface Ask {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
}

/** An answer with everything that came over the wire. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Undefined when the body is not JSON. */
  readonly body: unknown;
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/**
 * Asks without our client, which shows neither headers nor a body that the types forbid.
 *
 * @param line method and path: `POST /v1/messages`
 */
export async function ask(baseUrl: string, line: string, { headers, body }: Ask = {}): Promise<Answered> {
  const [method = "GET", path = "/"] = line.split(" ");
  const response = await fetch(`${baseUrl}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: parseJson(text) };
}

/** Holds a body against the contract: what the shape does not know would be missing on the other side. */
export function expectShape<Shape extends z.ZodType>(shape: Shape, body: unknown): z.output<Shape> {
  const parsed = shape.parse(body);
  expect(parsed).toEqual(body);
  return parsed;
}

/** Stacks, SQL, folders and machines: what no caller has any business with. */
const LEAK =
  /\bat [\w.<>]+ \(|node_modules|node:|\.ts\b|\bselect |\binsert |sqlite|\/(?:tmp|home|root|usr|work)\/|127\.0\.0\.1/i;
const COUNTS_ATTEMPTS: readonly ErrorCode[] = ["code_incorrect", "attempts_exhausted"];
const WAITS: readonly number[] = [429, 503];

const StrictProblem = z.strictObject(Problem.shape);

export interface ExpectedProblem {
  readonly locale?: Locale;
  /** The whole text. */
  readonly message?: string;
  /** Seconds; any number of them when absent. */
  readonly retryAfter?: number;
}

/** Holds an error answer against the contract: status, media type, members, texts and headers. */
export function expectProblem(
  { status, headers, text, body }: Answered,
  code: ErrorCode,
  { locale = "es", message, retryAfter }: ExpectedProblem = {},
): Problem {
  const problem = StrictProblem.parse(body);
  expect(problem).toMatchObject({ code, status: ERRORS[code].status, title: ERRORS[code].title[locale] });
  expect(status).toBe(problem.status);
  expect(headers.get("content-type")).toMatch(/^application\/problem\+json(; charset=utf-8)?$/);
  expect(problem.type).toMatch(new RegExp(`^https?://.+/problems/${code}$`));
  expect(problem.message).toBe(problem.detail);
  expect(problem.request_id).toMatch(/^req_\w+$/);
  if (message !== undefined) expect(problem.message).toBe(message);
  expect(text.replace(problem.type, "")).not.toMatch(LEAK);
  expect(problem.attempts_remaining !== undefined).toBe(COUNTS_ATTEMPTS.includes(code));
  expect(headers.get("www-authenticate")).toBe(status === 401 ? "Bearer" : null);
  expect(headers.has("allow")).toBe(status === 405);

  const wait = headers.get("retry-after");
  const hasWait = WAITS.includes(status) || code === "idempotency_running";
  expect(wait).toEqual(hasWait ? expect.stringMatching(/^[1-9]\d*$/) : null);
  expect(problem.retry_after).toBe(wait === null ? undefined : Number(wait));
  if (retryAfter !== undefined) expect(problem.retry_after).toBe(retryAfter);
  return problem;
}
