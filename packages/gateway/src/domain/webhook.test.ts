import { describe, expect, it } from "vitest";
import { concludeDelivery, RETRY_DELAYS_MS, type WebhookDelivery, wantsEvent } from "./webhook.ts";

const NOW = Date.UTC(2026, 0, 5, 12);
const HOUR = 3_600_000;

const sending = (round: number): WebhookDelivery => ({
  ...{ id: "whd_1", tenant: "default", webhookId: "whk_1", seq: 7, type: "message.sent", at: NOW },
  ...{ data: { id: "msg_1", verificationId: null, messageId: "msg_1", channel: "sms", to: null } },
  ...{ state: "sending", attempts: round, round, dueAt: NOW + 30_000 },
  ...{ responseStatus: null, durationMs: null, error: null, createdAt: NOW, updatedAt: NOW },
});
const BROKEN = { status: 500, error: "status_refused", durationMs: 4 } as const;

const waitAfter = (round: number, chance: number): number | null => {
  const { delivery } = concludeDelivery(sending(round), { lastSuccessAt: NOW }, { result: BROKEN, chance, now: NOW });
  return delivery.dueAt === null ? null : delivery.dueAt - NOW;
};

describe("wantsEvent", () => {
  it.each([
    [[], "message.sent", true],
    [[], "verification.approved", true],
    [[], "webhook.disabled", false],
    [["message"], "message.delivered", true],
    [["message"], "verification.approved", false],
    [["message.delivered"], "message.delivered", true],
    [["message.delivered"], "message.delivered_late", false],
    [["message.sent", "verification"], "verification.fallback_ended", true],
  ] as const)("with %j, %s: %s", (events, type, wanted) => expect(wantsEvent({ events }, type)).toBe(wanted));
});

describe("the schedule", () => {
  it("makes ten attempts in a little more than three days", () => {
    const waits = Array.from({ length: 10 }, (_, index) => waitAfter(index + 1, 0.5));
    expect(waits).toEqual([...RETRY_DELAYS_MS, null]);
    const total = RETRY_DELAYS_MS.reduce((sum, ms) => sum + ms, 0);
    expect(total / HOUR).toBeGreaterThan(72);
    expect(total / HOUR).toBeLessThan(80);
  });

  it("spreads each wait by a tenth to both sides", () => {
    expect(waitAfter(2, 0)).toBe(270_000);
    expect(waitAfter(2, 1)).toBe(330_000);
  });
});
