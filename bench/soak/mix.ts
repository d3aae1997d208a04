import type { Delivered } from "../engines/inbox.ts";
import { toGet, toPost } from "../load/http.ts";
import { phoneAt } from "../load/traffic.ts";
import { createStock, type Held } from "./stock.ts";

/** How many of a hundred requests. */
const SHARES = {
  start: 30,
  resend: 5,
  right: 25,
  wrong: 8,
  notify: 18,
  repeat: 4,
  verification: 5,
  message: 5,
} as const;
export type Kind = keyof typeof SHARES;
/** Of all requests, those that are charged to the counter of all codes. */
export const CODE_SHARE = 0.4;

const TABLE = (Object.keys(SHARES) as Kind[]).flatMap((kind) => Array.from({ length: SHARES[kind] }, () => kind));
/** Coprime with the length of the table, so that every place has its turn, and neighbours do not follow each other. */
const STRIDE = 37;
const NOTIFICATIONS_KEPT = 1_000;
/** Numbers of notifications lie behind those of codes. */
const FIRST_NOTIFIED = 50_000_000;
const CODE_LENGTH = 6;

/** A request, and what its answer must be. */
export interface Call {
  readonly kind: Kind;
  readonly request: Buffer;
  /** Takes note of the answer; says what is wrong with it. */
  readonly judge: (status: number, body: string) => string | null;
  /** The request came to nothing. */
  readonly forget?: () => void;
}

/** Requests of many people, one after another. */
export interface Mix {
  next(): Call;
  /** Hears what the simulated carrier was given. */
  learn(delivered: readonly Delivered[]): void;
}

interface Notified {
  readonly key: string;
  readonly to: string;
  readonly id: string;
}

const idOf = (body: string): string => String((JSON.parse(body) as { readonly id?: unknown }).id);

const unexpected = (expected: number, status: number, body: string): string | null =>
  status === expected ? null : `${status} instead of ${expected}: ${body.slice(0, 120)}`;

const toWrong = (code: string): string => String((Number(code) + 1) % 10 ** CODE_LENGTH).padStart(CODE_LENGTH, "0");

/** @param key of surface B */
export function createMix(key: string): Mix {
  const headers = { authorization: `Bearer ${key}` };
  const stock = createStock();
  const notified: Notified[] = [];
  let serial = 0;
  let started = 0;
  let sent = 0;

  const start = (): Call => {
    const phone = phoneAt(started++);
    stock.begin(phone);
    return {
      kind: "start",
      request: toPost({ path: "/v1/verifications", headers, body: { to: phone, channel: "sms" } }),
      judge: (status, body) => {
        const problem = unexpected(201, status, body);
        if (problem === null) stock.answered(phone, idOf(body));
        else stock.drop(phone);
        return problem;
      },
      forget: () => stock.drop(phone),
    };
  };
  const resend = (held: Held): Call => ({
    kind: "resend",
    request: toPost({ path: "/v1/verifications", headers, body: { to: held.phone, channel: "sms" } }),
    judge: (status, body) => {
      const problem = unexpected(201, status, body);
      if (problem !== null) return problem;
      stock.putBack({ ...held, wasResent: true });
      return idOf(body) === held.id ? null : "another verification than the live one";
    },
  });
  const check = (held: Held, kind: "right" | "wrong"): Call => ({
    kind,
    request: toPost({
      path: `/v1/verifications/${held.id}/check`,
      headers,
      body: { code: kind === "right" ? held.code : toWrong(held.code) },
    }),
    judge: (status, body) => {
      const problem = unexpected(kind === "right" ? 200 : 400, status, body);
      if (problem === null && kind === "wrong") stock.putBack({ ...held, wasGuessed: true });
      return problem;
    },
  });
  const notify = (known: Notified | null): Call => {
    const number = sent;
    if (known === null) sent += 1;
    const { key: name, to } = known ?? { key: `soak-${number}`, to: phoneAt(FIRST_NOTIFIED + number) };
    return {
      kind: known === null ? "notify" : "repeat",
      request: toPost({
        path: "/v1/messages",
        headers: { ...headers, "idempotency-key": name },
        body: { to, category: "transactional", text: "Su pedido va en camino" },
      }),
      judge: (status, body) => {
        const problem = unexpected(202, status, body);
        if (problem !== null) return problem;
        if (known === null) notified[number % NOTIFICATIONS_KEPT] = { key: name, to, id: idOf(body) };
        return known === null || known.id === idOf(body) ? null : "two messages for one key";
      },
    };
  };
  const readBack = (kind: "verification" | "message", path: string): Call => ({
    kind,
    request: toGet(path, headers),
    judge: (status, body) => unexpected(200, status, body),
  });

  /** Null when there is nothing to do it with yet. */
  const make = (kind: Kind): Call | null => {
    if (kind === "start") return start();
    if (kind === "notify") return notify(null);
    if (kind === "repeat" || kind === "message") {
      const known = notified[serial % Math.max(1, notified.length)];
      if (known === undefined) return null;
      return kind === "repeat" ? notify(known) : readBack(kind, `/v1/messages/${known.id}`);
    }
    if (kind === "verification") {
      const held = stock.peek();
      return held === null ? null : readBack(kind, `/v1/verifications/${held.id}`);
    }
    const held = stock.take(kind === "right" ? "any" : kind === "wrong" ? "unguessed" : "unsent");
    if (held === null) return null;
    return kind === "resend" ? resend(held) : check(held, kind);
  };

  return {
    next: () => make(TABLE[(serial++ * STRIDE) % TABLE.length] ?? "start") ?? start(),
    learn: stock.learn,
  };
}
