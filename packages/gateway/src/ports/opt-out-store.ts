import type { OptOut } from "../domain/opt-out.ts";

/**
 * Who wants no messages. Starts and enqueues look here in their own step, so that nothing is sent to somebody who has
 * just said so.
 */
export interface OptOutStore {
  /** Keeps the older one when it is there already. */
  addOptOut(optOut: OptOut): Promise<void>;
  /**
   * Forgets one category, or all of them with null.
   *
   * @returns whether there was any
   */
  removeOptOuts(address: string, category: string | null): Promise<boolean>;
  listOptOuts(filter: { readonly address?: string; readonly limit: number }): Promise<readonly OptOut[]>;
}
