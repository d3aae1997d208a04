import type { Channel, Lane } from "@mestore/sms-gateway-contract";
import { AppError } from "../domain/app-error.ts";
import type { Clock } from "../ports/clock.ts";
import type { Pause, PauseStore } from "../ports/pause-store.ts";

const RETRY_AFTER_SECONDS = 60;
const LANES: readonly Lane[] = ["otp", "notification"];

/** What may be sent at this moment: the switches of the configuration and the pauses of an operator. */
export interface Switchboard {
  /** @throws {AppError} `sms_disabled`, `email_disabled` */
  assertOpen(send: { channel: Channel; lane: Lane; country: string | null }): void;
  /** The lanes that may send, OTP first, each with its paused countries. */
  openLanes(): readonly { readonly lane: Lane; readonly exceptCountries: readonly string[] }[];
  isEnabled(channel: Channel): boolean;
  /** Neither switched off nor paused. */
  isOpen(send: { channel: Channel; lane: Lane; country: string | null }): boolean;
  pauses(): readonly Pause[];
  pause(which: Pick<Pause, "lane" | "country">): Promise<void>;
  /** Ends that one pause; without lane and country, all of them. */
  resume(which: Pick<Pause, "lane" | "country">): Promise<void>;
  /** Reads what other processes changed; called every half second. */
  refresh(): Promise<void>;
}

export interface SwitchboardOptions {
  readonly store: PauseStore;
  readonly clock: Clock;
  readonly enabled: Readonly<Record<Channel, boolean>>;
}

export function createSwitchboard({ store, clock, enabled }: SwitchboardOptions): Switchboard {
  let pauses: readonly Pause[] = [];
  const refresh = async (): Promise<void> => {
    pauses = await store.listPauses();
  };
  const isPaused = (lane: Lane, country: string | null): boolean =>
    pauses.some((p) => (p.lane ?? lane) === lane && (p.country ?? country) === country);

  return {
    assertOpen: ({ channel, lane, country }) => {
      if (enabled[channel] && !isPaused(lane, country)) return;
      throw new AppError(channel === "email" ? "email_disabled" : "sms_disabled", {
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    },
    openLanes: () =>
      LANES.filter((lane) => !pauses.some((p) => p.country === null && (p.lane ?? lane) === lane)).map((lane) => ({
        lane,
        exceptCountries: pauses.flatMap((p) => ((p.lane ?? lane) === lane && p.country !== null ? [p.country] : [])),
      })),
    isEnabled: (channel) => enabled[channel],
    isOpen: ({ channel, lane, country }) => enabled[channel] && !isPaused(lane, country),
    pauses: () => pauses,
    pause: async ({ lane, country }) => {
      await store.addPause({ lane, country, since: clock.now() });
      await refresh();
    },
    resume: async (which) => {
      await store.removePauses(which.lane === null && which.country === null ? "all" : which);
      await refresh();
    },
    refresh,
  };
}
