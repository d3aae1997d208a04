// @ts-check
/** What the page asks of the gateway. Nothing here throws for HTTP or network. */

/** @typedef {ReturnType<typeof import("@mestore/sms-gateway-contract").InboxMessage.parse>} InboxMessage */
/** @typedef {ReturnType<typeof import("@mestore/sms-gateway-contract").MagicNumber.parse>} MagicNumber */
/** @typedef {import("@mestore/sms-gateway-contract").VerifiedAnswer} VerifiedAnswer */

/**
 * @typedef {object} Failure
 * @property {false} ok
 * @property {number} status 0 when no answer came
 * @property {string} code `unreachable`, `unexpected`, or a code of the contract's table
 * @property {string} message for a person
 * @property {number} retryAfterSeconds 0 when the answer names no wait
 */

/**
 * @template Data
 * @typedef {{ readonly ok: true, readonly data: Data } | Failure} Answer
 */

const KEY_NAME = "gateway-api-key";

export const readKey = () => sessionStorage.getItem(KEY_NAME) ?? "";

/** @param {string} key an empty one forgets it */
export function keepKey(key) {
  if (key === "") sessionStorage.removeItem(KEY_NAME);
  else sessionStorage.setItem(KEY_NAME, key);
}

/**
 * @param {{ readonly language: () => import("./texts.js").Language, readonly say: () => import("./texts.js").Say }} page
 */
export function createApi({ language, say }) {
  /**
   * @param {"unreachable" | "unexpected"} code
   * @param {number} [status]
   * @returns {Failure}
   */
  const failure = (code, status = 0) => ({ ok: false, status, code, message: say()(code), retryAfterSeconds: 0 });

  /**
   * @param {Response} response
   * @returns {Promise<Failure>}
   */
  async function readProblem(response) {
    const problem = await response.json().catch(() => null);
    if (typeof problem?.message !== "string") return failure("unexpected", response.status);
    return {
      ok: false,
      status: response.status,
      code: String(problem.code),
      message: problem.message,
      retryAfterSeconds: Number(problem.retry_after ?? response.headers.get("retry-after") ?? 0) || 0,
    };
  }

  /**
   * @param {string} path relative to the page
   * @param {RequestInit & { headers?: Record<string, string> }} [init]
   * @returns {Promise<{ ok: true, response: Response } | Failure>}
   */
  async function ask(path, init = {}) {
    try {
      const headers = { "accept-language": language(), ...init.headers };
      const response = await fetch(path, { cache: "no-store", ...init, headers });
      return response.ok ? { ok: true, response } : await readProblem(response);
    } catch {
      return failure("unreachable");
    }
  }

  /**
   * @template Data
   * @param {{ ok: true, response: Response } | Failure} answer
   * @returns {Promise<Answer<Data>>}
   */
  async function read(answer) {
    if (!answer.ok) return answer;
    const text = await answer.response.text().catch(() => "{");
    try {
      return { ok: true, data: text === "" ? null : JSON.parse(text) };
    } catch {
      return failure("unexpected", answer.response.status);
    }
  }

  /** Only the inbox gets the key: on the open endpoints it would choose the variant for signed-in users. */
  const withKey = () => {
    const key = readKey();
    return key === "" ? {} : { authorization: `Bearer ${key}` };
  };

  return {
    /** @returns {Promise<Answer<{ messages: InboxMessage[] }>>} newest first */
    listInbox: async () => read(await ask("./v1/inbox?limit=200", { headers: withKey() })),

    /** @returns {Promise<Answer<null>>} */
    clearInbox: async () => read(await ask("./v1/inbox", { method: "DELETE", headers: withKey() })),

    /** @returns {Promise<Answer<{ magicNumbers: MagicNumber[] }>>} */
    magicNumbers: async () => read(await ask("./v1/inbox/magic-numbers", { headers: withKey() })),

    /** @returns {Promise<Answer<ReadableStream<Uint8Array>>>} events, each the JSON of one `InboxMessage` */
    openLive: async () => {
      const answer = await ask("./v1/inbox/live", { headers: { accept: "text/event-stream", ...withKey() } });
      if (!answer.ok) return answer;
      const { body, status } = answer.response;
      return body === null ? failure("unexpected", status) : { ok: true, data: body };
    },

    /**
     * Calls one of the open endpoints of the MeStore API.
     *
     * @param {"send-verification-sms" | "verify-phone-otp" | "send-verification-email" | "verify-email-otp"} endpoint
     * @param {Readonly<Record<string, string>>} body
     * @returns {Promise<Answer<VerifiedAnswer>>} the token only after a verify
     */
    auth: async (endpoint, body) =>
      read(
        await ask(`./api/v1/auth/${endpoint}`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body),
        }),
      ),
  };
}

/** @typedef {ReturnType<typeof createApi>} Api */
