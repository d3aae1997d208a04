import type { MessageState } from "@mestore/sms-gateway-contract";
import type { Clock } from "../ports/clock.ts";
import type { InboxEntry, InboxFilter, InboxStore } from "../ports/inbox-store.ts";

export interface InboxWait {
  readonly to: string;
  readonly afterSeq?: number;
  readonly timeoutMs: number;
}

/** The developer's inbox: what the simulated carrier received. */
export interface Inbox {
  add(entry: Omit<InboxEntry, "seq" | "state">): Promise<number>;
  list(filter: InboxFilter): Promise<readonly InboxEntry[]>;
  clear(): Promise<void>;
  /** The newest entry for an address; waits for one when there is none yet, null when the time is up. */
  waitFor(wait: InboxWait): Promise<InboxEntry | null>;
  /** Tells the listeners that a message changed its state. */
  changed(messageId: string, state: MessageState): Promise<void>;
  /** Calls back with every new or changed entry until the returned function is called. */
  watch(listener: (entry: InboxEntry) => void): () => void;
}

export function createInbox(store: InboxStore, clock: Clock): Inbox {
  const listeners = new Set<(entry: InboxEntry) => void>();

  const tell = (entry: InboxEntry): void => {
    for (const listener of listeners) listener(entry);
  };
  const newest = async (filter: Omit<InboxFilter, "limit">): Promise<InboxEntry | undefined> =>
    (await store.listEntries({ ...filter, limit: 1 }))[0];

  return {
    add: async (entry) => {
      const seq = await store.addEntry(entry);
      tell({ ...entry, seq, state: "sending" });
      return seq;
    },
    list: (filter) => store.listEntries(filter),
    clear: () => store.clear(),
    waitFor: async ({ to, afterSeq, timeoutMs }) => {
      const filter = { to, ...(afterSeq === undefined ? {} : { afterSeq }) };
      const timer = new AbortController();
      let unwatch = (): void => undefined;
      const arrival = new Promise<InboxEntry>((resolve) => {
        const listener = (entry: InboxEntry): void => {
          if (entry.to === to && entry.seq > (afterSeq ?? 0)) resolve(entry);
        };
        listeners.add(listener);
        unwatch = () => listeners.delete(listener);
      });
      try {
        return (
          (await newest(filter)) ??
          (await Promise.race([arrival, clock.sleep(timeoutMs, timer.signal).then(() => null)]))
        );
      } finally {
        timer.abort(null);
        unwatch();
      }
    },
    changed: async (messageId, state) => {
      if (listeners.size === 0) return;
      const entry = await store.findEntry(messageId);
      if (entry !== null) tell({ ...entry, state });
    },
    watch: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
