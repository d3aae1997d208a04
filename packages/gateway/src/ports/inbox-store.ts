import type { Channel, MessageState } from "@mestore/sms-gateway-contract";

/** A message as the simulated carrier received it; exists in simulation only. */
export interface InboxEntry {
  readonly id: string;
  readonly seq: number;
  readonly messageId: string;
  readonly channel: Channel;
  readonly to: string;
  readonly subject: string | null;
  readonly text: string;
  readonly html: string | null;
  readonly code: string | null;
  /** State of the message it shows, as of now. */
  readonly state: MessageState;
  readonly at: number;
}

export interface InboxFilter {
  readonly to?: string;
  readonly afterSeq?: number;
  readonly limit: number;
}

export interface InboxStore {
  /** Keeps the newest entries up to a cap; returns the `seq` of this one. */
  addEntry(entry: Omit<InboxEntry, "seq" | "state">): Promise<number>;
  findEntry(messageId: string): Promise<InboxEntry | null>;
  /** Newest first. */
  listEntries(filter: InboxFilter): Promise<readonly InboxEntry[]>;
  clear(): Promise<void>;
}
