import { callsForFallback } from "../domain/fallback.ts";
import type { StoredMessage } from "../domain/message.ts";
import { isReusable, type Verification } from "../domain/verification.ts";
import type { Clock } from "../ports/clock.ts";
import type { DueFallback, VerificationStore } from "../ports/verification-store.ts";
import type { Router } from "./router.ts";
import type { Verifications } from "./verifications.ts";

/** What a process that accepted a message is given before another one takes its fallback over. */
const PATIENCE_MS = 5_000;
const BATCH = 100;

/** Lets the next channel of a verification take over from a message that did not arrive. */
export interface Fallbacks {
  /** Hears of a message that this process moved; does what follows from it. */
  after(message: StoredMessage): Promise<void>;
  /** Takes over what other processes left. */
  work(): Promise<void>;
}

export interface FallbacksOptions {
  readonly store: Pick<VerificationStore, "readVerification" | "listFallbacks" | "endFallback">;
  readonly messages: { readMessage(tenant: string, id: string): Promise<StoredMessage | null> };
  readonly verifications: Pick<Verifications, "continueWith">;
  readonly router: Router;
  readonly clock: Clock;
}

export function createFallbacks({ store, messages, verifications, router, clock }: FallbacksOptions): Fallbacks {
  /** The channels that somebody can carry, in their order. */
  const channelsLeft = ({ fallback, address }: Verification, country: string | null) =>
    fallback.filter((channel) => router.usable({ channel, to: address.value, country }).length > 0);

  const fallBack = async (verification: Verification, failed: StoredMessage): Promise<void> => {
    const { tenant, id } = verification;
    const end = (reason: string): Promise<void> => store.endFallback({ tenant, id }, reason, clock.now());
    if (!isReusable(verification, clock.now())) return end("ended");
    const [channel, ...rest] = channelsLeft(verification, failed.country);
    if (channel === undefined) return end("no_provider");
    const outcome = await verifications.continueWith({ verification, channel, rest, failed });
    if (outcome === "refused") await end("refused");
  };

  return {
    after: async (message) => {
      if (message.verificationId === null || !callsForFallback(message)) return;
      const verification = await store.readVerification(message.tenant, message.verificationId);
      if (verification === null || verification.fallback.length === 0) return;
      if (verification.lastMessageId === message.id) await fallBack(verification, message);
    },
    work: async () => {
      const takeOver = async ({ tenant, id }: DueFallback): Promise<void> => {
        const verification = await store.readVerification(tenant, id);
        const failed = verification === null ? null : await messages.readMessage(tenant, verification.lastMessageId);
        if (verification !== null && failed !== null) await fallBack(verification, failed);
      };
      const due = await store.listFallbacks(clock.now() - PATIENCE_MS, BATCH);
      await Promise.all(due.map(takeOver));
    },
  };
}
