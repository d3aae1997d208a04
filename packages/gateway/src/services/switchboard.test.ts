import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { manualClock, openTemporaryStore, type TemporaryStore } from "../../test/doubles.ts";
import { createSwitchboard, type Switchboard } from "./switchboard.ts";

const NOW = Date.UTC(2026, 0, 5, 12);
const CODE_TO_CO = { channel: "sms", lane: "otp", country: "CO" } as const;

let temporary: TemporaryStore;
let switchboard: Switchboard;
const open = (over: { readonly sms?: boolean; readonly email?: boolean } = {}) =>
  createSwitchboard({
    store: temporary.store,
    clock: manualClock(NOW),
    enabled: { sms: true, whatsapp: true, voice: true, email: true, ...over },
  });
beforeEach(async () => {
  temporary = await openTemporaryStore();
  switchboard = open();
});
afterEach(() => temporary.close());

const refusal = (code: string) => expect.objectContaining({ code, details: { retryAfterSeconds: 60 } });

describe("the switchboard", () => {
  it("lets everything through when nothing is off or paused", () => {
    switchboard.assertOpen(CODE_TO_CO);
    switchboard.assertOpen({ channel: "email", lane: "notification", country: null });
    expect(switchboard.openLanes()).toEqual([
      { lane: "otp", exceptCountries: [] },
      { lane: "notification", exceptCountries: [] },
    ]);
  });

  it("refuses a channel that is switched off, by its name", () => {
    const noSms = open({ sms: false, email: true });
    expect(() => noSms.assertOpen(CODE_TO_CO)).toThrow(refusal("sms_disabled"));
    noSms.assertOpen({ channel: "email", lane: "otp", country: null });
    const noEmail = open({ sms: true, email: false });
    expect(() => noEmail.assertOpen({ channel: "email", lane: "otp", country: null })).toThrow(
      refusal("email_disabled"),
    );
    expect([noSms.isEnabled("sms"), noSms.isEnabled("email")]).toEqual([false, true]);
  });

  it.each([
    { pause: { lane: null, country: null }, closed: ["otp CO", "otp EC", "notification CO", "otp null"], lanes: [] },
    { pause: { lane: "otp", country: null }, closed: ["otp CO", "otp EC", "otp null"], lanes: ["notification"] },
    {
      pause: { lane: null, country: "CO" },
      closed: ["otp CO", "notification CO"],
      lanes: ["otp -CO", "notification -CO"],
    },
    { pause: { lane: "otp", country: "CO" }, closed: ["otp CO"], lanes: ["otp -CO", "notification"] },
  ] as const)("closes what $pause speaks of, and no more", async ({ pause, closed, lanes }) => {
    await switchboard.pause(pause);
    const asked = [
      { lane: "otp", country: "CO" },
      { lane: "otp", country: "EC" },
      { lane: "notification", country: "CO" },
      { lane: "otp", country: null },
    ] as const;
    const refused = asked.filter((send) => {
      try {
        switchboard.assertOpen({ channel: "sms", ...send });
        return false;
      } catch {
        return true;
      }
    });
    expect(refused.map(({ lane, country }) => `${lane} ${country}`).sort()).toEqual([...closed].sort());
    const open = switchboard.openLanes().map(({ lane, exceptCountries }) => [lane, ...exceptCountries].join(" -"));
    expect(open).toEqual(lanes);
    expect(switchboard.pauses()).toEqual([{ ...pause, since: NOW }]);
  });

  it("ends one pause, or all of them", async () => {
    await switchboard.pause({ lane: "otp", country: null });
    await switchboard.pause({ lane: null, country: "CO" });
    await switchboard.resume({ lane: "otp", country: null });
    expect(switchboard.pauses()).toMatchObject([{ lane: null, country: "CO" }]);
    await switchboard.pause({ lane: "otp", country: null });
    await switchboard.resume({ lane: null, country: null });
    expect(switchboard.pauses()).toEqual([]);
    switchboard.assertOpen(CODE_TO_CO);
  });

  it("hears of what another process paused when it looks again", async () => {
    const other = open();
    await other.pause({ lane: null, country: null });
    switchboard.assertOpen(CODE_TO_CO);
    await switchboard.refresh();
    expect(() => switchboard.assertOpen(CODE_TO_CO)).toThrow(refusal("sms_disabled"));
    await other.resume({ lane: null, country: null });
    await switchboard.refresh();
    switchboard.assertOpen(CODE_TO_CO);
  });
});
