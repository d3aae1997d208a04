/** The one source of time. */
export interface Clock {
  /** Epoch milliseconds; never goes backwards. */
  now(): number;
  /** Resolves after `ms`, or at once when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
