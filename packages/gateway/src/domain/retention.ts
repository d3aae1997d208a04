const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** An ended verification keeps salt and key name for so long, while it still explains itself. */
export const SECRET_TRACE_MS = HOUR_MS;
/** Counters and wrong guesses: twice the longest window. */
export const COUNTER_MS = 2 * DAY_MS;
/** After that, a number or an e-mail address is its keyed hash. */
export const ADDRESS_MS = 90 * DAY_MS;
export const EVENT_MS = 90 * DAY_MS;
/** The log of the webhooks. */
export const WEBHOOK_DELIVERY_MS = 30 * DAY_MS;
