/** Something that a step notes down; never a code, and addresses masked. */
export interface NewEvent {
  readonly at: number;
  readonly tenant: string;
  readonly type: string;
  /** The verification, or the message when there is none. */
  readonly entityId: string;
  readonly messageId?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}
