const MAX_RETRY_AFTER_MS = 3_600_000;

/**
 * Reads a `Retry-After`: seconds or a date.
 *
 * @returns milliseconds, one hour at most; undefined when there is none, or it cannot be read or is past
 * @see RFC 9110, section 10.2.3
 */
export function parseRetryAfterMs(header: string | string[] | undefined, now: number): number | undefined {
  if (typeof header !== "string") return undefined;
  const value = header.trim();
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - now;
  return ms > 0 && /^\d+$|GMT$/.test(value) ? Math.min(ms, MAX_RETRY_AFTER_MS) : undefined;
}
