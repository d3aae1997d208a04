import type { Delivered } from "../engines/inbox.ts";

/** Older ones would soon expire. */
const USABLE_MS = 8 * 60_000;

/** A live verification whose code is known; nobody else is at work on it while it is taken. */
export interface Held {
  readonly id: string;
  readonly phone: string;
  readonly code: string;
  readonly since: number;
  readonly wasResent: boolean;
  readonly wasGuessed: boolean;
}

type Wanted = "any" | "unguessed" | "unsent";

/** The verifications that were started: their ids come from the answers, their codes from the carrier. */
export interface Stock {
  begin(phone: string): void;
  answered(phone: string, id: string): void;
  drop(phone: string): void;
  learn(delivered: readonly Delivered[]): void;
  /** The oldest one that was not guessed at, or not sent again, yet. */
  take(wanted: Wanted): Held | null;
  putBack(held: Held): void;
  /** One that stays where it is. */
  peek(): Held | null;
}

const isWanted = ({ wasGuessed, wasResent }: Held, wanted: Wanted): boolean =>
  wanted === "any" || (wanted === "unguessed" ? !wasGuessed : !wasResent);

export function createStock(): Stock {
  const incomplete = new Map<string, { id: string | null; code: string | null }>();
  /** By id, in the order in which they came. */
  const ready = new Map<string, Held>();

  const complete = (phone: string): void => {
    const { id = null, code = null } = incomplete.get(phone) ?? {};
    if (id === null || code === null) return;
    incomplete.delete(phone);
    ready.set(id, { id, phone, code, since: performance.now(), wasResent: false, wasGuessed: false });
  };

  return {
    begin: (phone) => void incomplete.set(phone, { id: null, code: null }),
    answered: (phone, id) => {
      const entry = incomplete.get(phone);
      if (entry !== undefined) entry.id = id;
      complete(phone);
    },
    drop: (phone) => void incomplete.delete(phone),
    learn: (delivered) => {
      for (const { to, code } of delivered) {
        const entry = incomplete.get(to);
        if (entry === undefined || code === null) continue;
        entry.code = code;
        complete(to);
      }
    },
    take: (wanted) => {
      const oldest = performance.now() - USABLE_MS;
      for (const held of ready.values()) {
        if (held.since < oldest) ready.delete(held.id);
        else if (isWanted(held, wanted)) {
          ready.delete(held.id);
          return held;
        }
      }
      return null;
    },
    putBack: (held) => void ready.set(held.id, held),
    peek: () => ready.values().next().value ?? null,
  };
}
