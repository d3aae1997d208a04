import type { Channel } from "@mestore/sms-gateway-contract";
import type { Clock } from "../ports/clock.ts";
import type { MessageStore } from "../ports/message-store.ts";
import type { Pause } from "../ports/pause-store.ts";
import type { AccountCheck, ProviderHealth } from "../ports/provider.ts";
import type { Router } from "./router.ts";
import type { Switchboard } from "./switchboard.ts";

/** An account is asked at most this often. */
const ACCOUNT_CACHE_MS = 60_000;
const ACCOUNT_TIMEOUT_MS = 5_000;

export interface ProviderState extends ProviderHealth {
  readonly provider: string;
  readonly channel: Channel;
  readonly simulated: boolean;
}

export interface ServiceState {
  readonly smsEnabled: boolean;
  readonly emailEnabled: boolean;
  readonly simulation: boolean;
  readonly providers: readonly ProviderState[];
  readonly queue: { readonly depth: number; readonly oldestAgeMs: number | null };
  readonly pauses: readonly Pause[];
}

export interface Status {
  read(): Promise<ServiceState>;
  /** What the SMS vendor says of the account, a minute old at most. */
  account(): Promise<AccountCheck>;
}

export interface StatusOptions {
  readonly store: MessageStore;
  readonly clock: Clock;
  readonly switchboard: Switchboard;
  readonly router: Router;
}

export function createStatus({ store, clock, switchboard, router }: StatusOptions): Status {
  const sms = router.providers.find(({ channel }) => channel === "sms");
  let cached: { readonly check: AccountCheck; readonly until: number } | null = null;

  const ask = async (): Promise<AccountCheck> => {
    const stop = new AbortController();
    const tooLate = clock
      .sleep(ACCOUNT_TIMEOUT_MS, stop.signal)
      .then(() => ({ ok: false, detail: "no answer in time" }));
    const nobody = { ok: false, detail: "no provider sends SMS" };
    const check = await Promise.race([sms?.check(stop.signal) ?? nobody, tooLate]);
    stop.abort();
    return check;
  };

  return {
    read: async () => {
      const { depth, oldestAt } = await store.readQueue();
      return {
        smsEnabled: switchboard.isEnabled("sms"),
        emailEnabled: switchboard.isEnabled("email"),
        simulation: sms?.simulated ?? false,
        providers: router.providers.map((p) => ({
          provider: p.id,
          channel: p.channel,
          simulated: p.simulated,
          ...p.health(),
        })),
        queue: { depth, oldestAgeMs: oldestAt === null ? null : clock.now() - oldestAt },
        pauses: switchboard.pauses(),
      };
    },
    account: async () => {
      const now = clock.now();
      if (cached === null || now >= cached.until) cached = { check: await ask(), until: now + ACCOUNT_CACHE_MS };
      return cached.check;
    },
  };
}
