import { describe, expect, it } from "vitest";
import { fakeProvider } from "../../test/doubles.ts";
import type { GuardedProvider, ProviderHealth } from "../ports/provider.ts";
import { createRouter } from "./router.ts";

const named = (
  id: string,
  breaker: ProviderHealth["breaker"] = "closed",
  problem: string | null = null,
): GuardedProvider => ({
  ...fakeProvider("sms"),
  id,
  health: () => ({ breaker, lastSuccessAt: null, lastError: null }),
  problemWith: ({ country }) => (country === "CO" ? problem : null),
});

const TO_CO = { channel: "sms", to: "+573001234567", country: "CO" } as const;

describe("the router", () => {
  it("calls the providers of a channel in their order, and keeps channels apart", () => {
    const router = createRouter({ providers: [named("a"), fakeProvider("email"), named("b")], routes: {} });
    expect(router.usable(TO_CO)).toEqual(["a", "b"]);
    expect(router.choose(TO_CO)).toBe("a");
    expect(router.choose({ channel: "email", to: "a@b.co", country: null })).toBe("fake-email");
    expect(router.find("email", "a")).toBeNull();
  });

  it("follows the rule of a prefix", () => {
    const routes = { sms: { providers: ["a"], rules: [{ match: "+57300", providers: ["b", "a"] }] } };
    const router = createRouter({ providers: [named("a"), named("b")], routes });
    expect(router.usable(TO_CO)).toEqual(["b", "a"]);
    expect(router.usable({ ...TO_CO, to: "+573101234567" })).toEqual(["a"]);
  });

  it("puts who stands behind an open breaker last, and a half-open one in its place", () => {
    const providers = [named("open", "open"), named("half", "half_open"), named("well")];
    const router = createRouter({ providers, routes: {} });
    expect(router.usable(TO_CO)).toEqual(["half", "well", "open"]);
    expect(createRouter({ providers: [named("open", "open")], routes: {} }).choose(TO_CO)).toBe("open");
  });

  it("leaves out whose sender cannot exist there, and says why", () => {
    const router = createRouter({ providers: [named("a", "closed", "no such sender"), named("b")], routes: {} });
    expect(router.choose(TO_CO)).toBe("b");
    expect(router.choose({ ...TO_CO, country: "EC" })).toBe("a");
    expect(router.explain(TO_CO)).toEqual({
      match: null,
      candidates: [
        { provider: "a", breaker: "closed", problem: "no such sender" },
        { provider: "b", breaker: "closed", problem: null },
      ],
      chosen: "b",
    });
  });

  it("refuses a channel that nobody carries", () => {
    const router = createRouter({ providers: [named("a", "closed", "no such sender")], routes: {} });
    expect(() => router.choose(TO_CO)).toThrow(expect.objectContaining({ code: "channel_unavailable" }));
    expect(() => router.choose({ ...TO_CO, channel: "voice" })).toThrow(
      expect.objectContaining({ code: "channel_unavailable" }),
    );
    expect(router.explain({ ...TO_CO, channel: "voice" })).toEqual({ match: null, candidates: [], chosen: null });
  });
});
