import { type Answer, type PostRequest, toPost } from "./http.ts";

const MAX_PHONES = 100_000_000;
/** Coprime with the count above, so that every index has a number of its own; near its golden section, so that they scatter. */
const STRIDE = 61_803_399;

/**
 * A Colombian mobile for each index. One after the other they lie far apart, as people's numbers do: neighbours would
 * share pages of the database and counters of their block.
 */
export function phoneAt(index: number): string {
  if (index >= MAX_PHONES) throw new Error(`there are ${MAX_PHONES} numbers`);
  return `+5731${String((index * STRIDE) % MAX_PHONES).padStart(8, "0")}`;
}

export const phonesFrom = (first: number, count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => phoneAt(first + i));

/** An address of its own for each visitor of the open flow, in place of this machine's. */
const visitorAt = (index: number): string => `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`;

const codeOf = (codes: ReadonlyMap<string, string>, phone: string): string => {
  const code = codes.get(phone);
  if (code === undefined) throw new Error("a number without a code");
  return code;
};

/** One kind of request, many times, and the status that each must answer. */
export interface Traffic {
  readonly requests: readonly Buffer[];
  readonly status: number;
}

const posts = (status: number, requests: readonly PostRequest[]): Traffic => ({
  status,
  requests: requests.map(toPost),
});

/** Surface B: a server with its key. */
export function sendTraffic(phones: readonly string[], key: string): Traffic {
  const headers = { authorization: `Bearer ${key}` };
  return posts(
    201,
    phones.map((to) => ({ path: "/v1/verifications", headers, body: { to, channel: "sms" } })),
  );
}

/** @param sent the answers to `sendTraffic` */
export function checkTraffic(sent: readonly Answer[], codes: ReadonlyMap<string, string>, key: string): Traffic {
  const headers = { authorization: `Bearer ${key}` };
  return posts(
    200,
    sent.map(({ body }) => {
      const { id, to } = JSON.parse(body) as { readonly id: string; readonly to: string };
      return { path: `/v1/verifications/${id}/check`, headers, body: { code: codeOf(codes, to) } };
    }),
  );
}

/** Surface A: the page of a person who is not signed in. */
export const openSendTraffic = (phones: readonly string[]): Traffic =>
  posts(
    200,
    phones.map((telefono, i) => ({
      path: "/api/v1/auth/send-verification-sms",
      headers: { "x-forwarded-for": visitorAt(i) },
      body: { telefono },
    })),
  );

export const openVerifyTraffic = (phones: readonly string[], codes: ReadonlyMap<string, string>): Traffic =>
  posts(
    200,
    phones.map((telefono, i) => ({
      path: "/api/v1/auth/verify-phone-otp",
      headers: { "x-forwarded-for": visitorAt(i) },
      body: { telefono, otp: codeOf(codes, telefono) },
    })),
  );
