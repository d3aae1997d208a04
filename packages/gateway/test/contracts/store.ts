import { describe, expect, it } from "vitest";
import { checkContract } from "./store-checks.ts";
import { fallbackContract } from "./store-fallbacks.ts";
import { type OpenStore, startStep, times } from "./store-fixtures.ts";
import { idempotencyContract } from "./store-idempotency.ts";
import { limitContract } from "./store-limits.ts";
import { claimContract, messageContract } from "./store-messages.ts";
import { optOutContract } from "./store-opt-outs.ts";
import { recordContract } from "./store-records.ts";
import { retentionContract } from "./store-retention.ts";
import { settleContract } from "./store-settlements.ts";
import { startContract } from "./store-starts.ts";
import { useStore } from "./store-under-test.ts";
import { webhookContract } from "./store-webhooks.ts";

/**
 * The cases that every engine passes.
 *
 * @param open gives an empty store; each test opens one and closes it
 */
export function storeContract(name: string, open: OpenStore): void {
  describe(`store contract: ${name}`, () => {
    startContract(open);
    limitContract(open);
    checkContract(open);
    messageContract(open);
    claimContract(open);
    settleContract(open);
    fallbackContract(open);
    idempotencyContract(open);
    optOutContract(open);
    recordContract(open);
    retentionContract(open);
    webhookContract(open);

    describe("as a whole", () => {
      const store = useStore(open);

      it("answers a ping", async () => {
        await expect(store().ping()).resolves.toBeUndefined();
      });

      it("finishes what was asked before it closes, and refuses what comes after", async () => {
        const steps = times(50, () => startStep());
        const running = steps.map((step) => store().startVerification(step));
        await store().close();
        const outcomes = await Promise.all(running);
        expect(outcomes.map(({ kind }) => kind)).toEqual(steps.map(() => "started"));
        await expect(store().ping()).rejects.toMatchObject({ code: "service_unavailable" });
      });
    });
  });
}
