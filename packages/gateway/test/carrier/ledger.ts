/** One call as the carrier saw it, whatever it answered. */
export interface LedgerEntry {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly to: string | null;
  readonly body: string | null;
  /** Every parameter, as it came. */
  readonly params: Readonly<Record<string, string>>;
  /** `accepted`, the code that the vendor's own rules refused it with, or the kind of the fault. */
  readonly outcome: string;
  /** Id of the message when there is one: this was sent and billed. */
  readonly sid: string | null;
}
