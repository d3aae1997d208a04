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
  /** Tells the listeners what other processes added; called again and again where the store is shared. */
  refresh(): Promise<void>;
  /** Calls back with every new or changed entry until the returned function is called. */
  watch(listener: (entry: InboxEntry) => void): () => void;
}

const REFRESH_LIMIT = 200;

/** @param options.isShared other processes add entries too: `refresh` tells of all of them, in their order */
export function createInbox(store: InboxStore, clock: Clock, { isShared = false } = {}): Inbox {
  const listeners = new Set<(entry: InboxEntry) => void>();

  const tell = (entry: InboxEntry): void => {
    for (const listener of listeners) listener(entry);
  };
  let seenSeq: number | null = null;

  const newest = async (filter: Omit<InboxFilter, "limit">): Promise<InboxEntry | undefined> =>
    (await store.listEntries({ ...filter, limit: 1 }))[0];

  return {
    add: async (entry) => {
      const seq = await store.addEntry(entry);
      if (!isShared) tell({ ...entry, seq, state: "sending" });
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
    refresh: async () => {
      // Goes on while nobody listens, so that whoever begins to misses nothing.
      if (seenSeq === null || listeners.size === 0) {
        seenSeq = (await store.listEntries({ limit: 1 }))[0]?.seq ?? 0;
        return;
      }
      for (const entry of (await store.listEntries({ limit: REFRESH_LIMIT, afterSeq: seenSeq })).toReversed()) {
        seenSeq = entry.seq;
        tell(entry);
      }
    },
    watch: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
