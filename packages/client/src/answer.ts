import { type ErrorCode, type Locale, Problem } from "@mestore/sms-gateway-contract";

const OWN_ERRORS = {
  network_error: { es: "No pudimos conectar con el servicio", en: "The service could not be reached" },
  timeout: { es: "El servicio tardó demasiado en responder", en: "The service took too long to answer" },
  aborted: { es: "La solicitud se canceló", en: "The request was cancelled" },
  unexpected_answer: { es: "El servicio respondió algo inesperado", en: "The service gave an unexpected answer" },
} as const satisfies Record<string, Record<Locale, string>>;

/**
 * What can go wrong besides the contract's table: the gateway was not reached (`network_error`, `timeout`), the caller gave up
 * (`aborted`), or somebody else answered, such as a proxy (`unexpected_answer`).
 */
export type ClientErrorCode = keyof typeof OWN_ERRORS;

export interface AnswerError {
  readonly code: ErrorCode | ClientErrorCode;
  /** For a person, in the client's locale. */
  readonly message: string;
  /** Guesses left on this verification. */
  readonly attemptsRemaining?: number;
  /** Whole seconds until the same request can succeed. */
  readonly retryAfterSeconds?: number;
  /** What to quote when asking the operator about it. */
  readonly requestId?: string;
  /** The whole body of the answer when it was a problem document. */
  readonly problem?: Readonly<Record<string, unknown>>;
}

/** What every call resolves to; calls do not throw for HTTP or network. `status` is 0 when no answer came. */
export type Answer<Data> =
  | { readonly ok: true; readonly status: number; readonly data: Data }
  | { readonly ok: false; readonly status: number; readonly error: AnswerError };

export type FailedAnswer = Extract<Answer<never>, { readonly ok: false }>;

/** Makes the answer for a failure the gateway had no part in. */
export const ownFailure = (code: ClientErrorCode, locale: Locale, status = 0): FailedAnswer => ({
  ok: false,
  status,
  error: { code, message: OWN_ERRORS[code][locale] },
});

/** A problem of any gateway, older or newer: only its texts and numbers must have the right type. */
const AnyProblem = Problem.pick({
  title: true,
  detail: true,
  message: true,
  attempts_remaining: true,
  retry_after: true,
  request_id: true,
})
  .partial()
  .extend({ code: Problem.shape.title })
  .loose();

const NOTHING = Symbol("not JSON");

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return NOTHING;
  }
}

const retryAfterHeader = (response: Response): number | undefined => {
  const header = response.headers.get("retry-after");
  return header !== null && /^\d+$/.test(header) ? Number(header) : undefined;
};

/** Leaves out what has no value, so that an absent detail is an absent member. */
const present = (details: { readonly [Key in keyof AnswerError]?: AnswerError[Key] | undefined }) =>
  Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined)) as Partial<AnswerError>;

function readFailure(response: Response, body: unknown, locale: Locale): FailedAnswer {
  const { status } = response;
  const parsed = AnyProblem.safeParse(body);
  const unexpected = ownFailure("unexpected_answer", locale, status).error;
  if (!parsed.success) {
    return {
      ok: false,
      status,
      error: { ...unexpected, ...present({ retryAfterSeconds: retryAfterHeader(response) }) },
    };
  }
  const problem = parsed.data;
  const known = Problem.shape.code.safeParse(problem.code);
  return {
    ok: false,
    status,
    error: {
      code: known.success ? known.data : unexpected.code,
      message: problem.message ?? problem.detail ?? problem.title ?? unexpected.message,
      ...present({
        attemptsRemaining: problem.attempts_remaining,
        retryAfterSeconds: problem.retry_after ?? retryAfterHeader(response),
        requestId: problem.request_id,
        problem,
      }),
    },
  };
}

/**
 * Reads an HTTP answer. An empty success is `null`; the data of the others is what the route's type promises, unchecked.
 *
 * @throws whatever reading the body throws: the connection broke, or its signal was aborted
 */
export async function readAnswer<Data>(response: Response, locale: Locale): Promise<Answer<Data>> {
  const text = await response.text();
  const body = text === "" ? null : parseJson(text);
  if (!response.ok) return readFailure(response, body, locale);
  if (body === NOTHING) return ownFailure("unexpected_answer", locale, response.status);
  return { ok: true, status: response.status, data: body as Data };
}
