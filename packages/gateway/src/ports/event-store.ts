/** Something that happened; never a code, and addresses masked. */
export interface StoredEvent {
  readonly seq: number;
  readonly at: number;
  readonly tenant: string;
  readonly type: string;
  readonly verificationId: string | null;
  readonly messageId: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface EventStore {
  /** Events of one tenant after `seq`, oldest first. */
  listEvents(tenant: string, afterSeq: number, limit: number): Promise<readonly StoredEvent[]>;
  lastSeq(): Promise<number>;
  verificationTimeline(tenant: string, verificationId: string): Promise<readonly StoredEvent[]>;
  messageTimeline(tenant: string, messageId: string): Promise<readonly StoredEvent[]>;
}
