import type { Answer } from "./http.ts";
import type { Event, History, Said } from "./verification-history.ts";

/** A number and the verifications that it has had. */
export interface Slot {
  readonly number: string;
  /** The newest that an answer named. */
  id: string | null;
  /** Its guesses wait until the limits of the number are forgotten. */
  isWaiting: boolean;
  readonly records: Map<string, VerificationRecord>;
}

interface VerificationRecord {
  readonly events: Event[];
  unanswered: number;
  /** When the answer that told of its making was given. */
  madeAt: number;
  supersededAt: number | null;
}

export const createSlot = (number: string): Slot => ({ number, id: null, isWaiting: false, records: new Map() });

export type Interval = Pick<Event, "askedAt" | "answeredAt">;

interface WithAnswer {
  /** Null when none came. */
  readonly answer: Answer | null;
}

function recordOf({ records }: Slot, id: string): VerificationRecord {
  const known = records.get(id) ?? {
    events: [],
    unanswered: 0,
    madeAt: Number.POSITIVE_INFINITY,
    supersededAt: null,
  };
  records.set(id, known);
  return known;
}

/** A start that made a verification ends those that were there before it was asked. */
function supersede({ records }: Slot, made: string, { askedAt, answeredAt }: Interval): void {
  for (const [id, record] of records) {
    if (id !== made && record.madeAt < askedAt)
      record.supersededAt = Math.min(record.supersededAt ?? answeredAt, answeredAt);
  }
}

export function noteStart(slot: Slot, { status, body }: Answer, interval: Interval): void {
  if (status !== 201) return;
  const id = String(body["id"]);
  const record = recordOf(slot, id);
  const said: Said = {
    kind: "started",
    expiresAt: Date.parse(String(body["expiresAt"])),
    remaining: Number(body["attemptsRemaining"]),
  };
  record.events.push({ ...interval, said });
  record.madeAt = Math.min(record.madeAt, interval.answeredAt);
  if (body["sends"] === 1) supersede(slot, id, interval);
  slot.id = id;
}

function toSaid({ status, body }: Answer): Said {
  if (status === 200 && body["status"] === "approved") {
    return { kind: "approved", remaining: Number(body["attemptsRemaining"]) };
  }
  if (body["code"] === "code_incorrect") return { kind: "incorrect", remaining: Number(body["attempts_remaining"]) };
  return body["code"] === "attempts_exhausted" ? { kind: "exhausted" } : { kind: "refused" };
}

export function noteCheck(slot: Slot, id: string, { answer, ...interval }: Interval & WithAnswer) {
  const record = recordOf(slot, id);
  // 503 says that nothing is known: a commit whose answer was lost may have counted it.
  if (answer === null || answer.status >= 500) record.unanswered++;
  else record.events.push({ ...interval, said: toSaid(answer) });
  if (answer?.body["code"] === "too_many_failures") slot.isWaiting = true;
}

export function noteCancel(slot: Slot, id: string, { answer, ...interval }: Interval & WithAnswer): void {
  if (answer?.status === 200 && answer.body["status"] === "canceled") {
    recordOf(slot, id).events.push({ ...interval, said: { kind: "canceled" } });
  }
}

export const historiesOf = ({ records }: Slot): readonly History[] =>
  [...records].map(([id, { events, unanswered, supersededAt }]) => ({ id, events, unanswered, supersededAt }));
