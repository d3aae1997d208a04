import type { Channel, Lane } from "@mestore/sms-gateway-contract";
import type { Charge, LimitWindow } from "./limits.ts";
import { isMagicNumber } from "./magic-numbers.ts";
import { phoneBlock } from "./phone.ts";
import type { Address } from "./verification.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const GLOBAL_BUCKET_MS = 60_000;

/** How many sends fit where; one variable of the environment each. */
export interface LimitPolicy {
  readonly cooldownMs: number;
  readonly perNumber: number;
  readonly numberWindowMs: number;
  readonly perNumberPerDay: number;
  readonly triesPerNumber: number;
  readonly perSubject: number;
  readonly perClientOpen: number;
  readonly perClientBearer: number;
  readonly perBlock: number;
  readonly global: number;
  readonly perEmail: number;
  readonly perEmailPerDay: number;
}

export interface ChargedSend {
  readonly lane: Lane;
  readonly channel: Channel;
  readonly address: Address;
  readonly tenant: string;
  readonly subject: string;
  /** Takes over from a send that did not arrive: charged as any other, and never refused by the cool-down. */
  readonly isFallback?: boolean;
  /** Who asked, as a canonical address block; absent when it does not count. */
  readonly client?: { readonly block: string; readonly kind: "open" | "bearer" };
}

const sends = (limit: number, windowMs: number): LimitWindow => ({
  limit,
  windowMs,
  counts: "sends",
  refusal: "rate_limited",
});

const cooldown = ({ lane, channel, isFallback = false }: ChargedSend, windowMs: number): readonly LimitWindow[] =>
  lane === "otp" && windowMs > 0 && !isFallback
    ? [{ limit: 1, windowMs, counts: "sends", channel, refusal: "cooldown" }]
    : [];

/**
 * The counter of a number or an e-mail address, shared by every tenant: it protects the person.
 * The two lanes have a budget each, so that notifications never use up somebody's codes.
 */
export function addressCharge(send: ChargedSend, policy: LimitPolicy): Charge {
  if (send.address.kind === "email") {
    const windows = [
      sends(policy.perEmail, HOUR_MS),
      sends(policy.perEmailPerDay, DAY_MS),
      ...cooldown(send, policy.cooldownMs),
    ];
    return { dimension: `${send.lane}.email`, key: send.address.value, windows };
  }
  const tries: LimitWindow = {
    limit: policy.triesPerNumber,
    windowMs: HOUR_MS,
    counts: "tries",
    refusal: "rate_limited",
  };
  return {
    dimension: `${send.lane}.number`,
    key: send.address.value,
    windows: [
      sends(policy.perNumber, policy.numberWindowMs),
      sends(policy.perNumberPerDay, DAY_MS),
      tries,
      ...cooldown(send, policy.cooldownMs),
    ],
  };
}

function clientCharge({ lane, client }: ChargedSend, policy: LimitPolicy): readonly Charge[] {
  if (client === undefined) return [];
  const limit = client.kind === "open" ? policy.perClientOpen : policy.perClientBearer;
  return [{ dimension: `${lane}.client.${client.kind}`, key: client.block, windows: [sends(limit, HOUR_MS)] }];
}

const PERSONAL = /\.(number|email|subject)$/;

/**
 * Tells the counters that protect one person from those that protect the operator: the former are always kept in the
 * database, so that no lost cache lets anybody be flooded.
 */
export const isPersonal = ({ dimension }: Charge): boolean => PERSONAL.test(dimension);

/**
 * Everything that one send is charged to. Magic numbers skip the block's and the client's counters, so that playing
 * with them never locks a developer out; their own counter stays.
 */
export function chargesFor(send: ChargedSend, policy: LimitPolicy): readonly Charge[] {
  const { lane, address, tenant, subject } = send;
  const charges: Charge[] = [addressCharge(send, policy)];
  if (subject !== "") {
    const key = JSON.stringify([tenant, subject, address.kind]);
    charges.push({ dimension: `${lane}.subject`, key, windows: [sends(policy.perSubject, HOUR_MS)] });
  }
  const isMagic = address.kind === "phone" && isMagicNumber(address.value);
  if (!isMagic) charges.push(...clientCharge(send, policy));
  if (address.kind === "phone") {
    if (!isMagic) {
      const windows = [sends(policy.perBlock, HOUR_MS)];
      charges.push({ dimension: `${lane}.block`, key: phoneBlock(address.value), windows });
    }
    const windows = [sends(policy.global, HOUR_MS)];
    charges.push({ dimension: `${lane}.global`, key: "all", windows, bucketMs: GLOBAL_BUCKET_MS });
  }
  return charges;
}
