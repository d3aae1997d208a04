import { afterEach, describe, expect, it } from "vitest";
import { openParts, type Parts, type PartsOptions } from "../../test/doubles.ts";

const NOW = Date.UTC(2026, 0, 5, 12);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const PHONE = "+573001234567";

let parts: Parts | undefined;
afterEach(async () => {
  await parts?.close();
  parts = undefined;
});
const open = async (options: Partial<PartsOptions> = {}): Promise<Parts> => {
  parts = await openParts({ now: NOW, ...options });
  return parts;
};

interface Start {
  readonly to?: string;
  readonly channel?: "sms" | "email";
  readonly subject?: string;
  readonly client?: { readonly address: string; readonly kind: "open" | "bearer" };
}
const startCode = ({ verifications }: Parts, { to = PHONE, channel = "sms", subject = "", client }: Start = {}) =>
  verifications.start({
    ...{ scope: { tenant: "default", purpose: "verification", subject }, channel, to, locale: "es", waitMs: 0 },
    ...(client === undefined ? {} : { client }),
  });
/** The code of the refusal and its wait, or "sent". */
const outcomeOf = (starting: Promise<unknown>): Promise<string> =>
  starting.then(
    () => "sent",
    ({ code, details }: { code: string; details: { retryAfterSeconds: number } }) =>
      `${code} ${details.retryAfterSeconds}`,
  );
const tryMany = async (count: number, make: (index: number) => Promise<unknown>): Promise<readonly string[]> => {
  const outcomes: string[] = [];
  for (let index = 0; index < count; index++) outcomes.push(await outcomeOf(make(index)));
  return outcomes;
};

describe("limits of a start", () => {
  it("refuse the sixth of an hour to one number in three spellings, with the exact wait", async () => {
    const all = await open({ limits: { perNumber: 5 } });
    const spellings = ["300 123 4567", "+57 300-123-4567", "573001234567"];
    const outcomes: string[] = [];
    for (let index = 0; index < 6; index++) {
      outcomes.push(await outcomeOf(startCode(all, { to: spellings[index % 3] ?? PHONE })));
      await all.clock.advance(MINUTE);
    }
    expect(outcomes).toEqual(["sent", "sent", "sent", "sent", "sent", "rate_limited 3300"]);
    await all.clock.advance(54 * MINUTE - 1);
    expect(await outcomeOf(startCode(all))).toBe("rate_limited 1");
    await all.clock.advance(1);
    expect(await outcomeOf(startCode(all))).toBe("sent");
  });

  it("cool a number down per channel", async () => {
    const all = await open({ limits: { cooldownMs: MINUTE } });
    expect(await tryMany(2, () => startCode(all))).toEqual(["sent", "cooldown 60"]);
    const mail = { channel: "email", to: "ana@shop.example" } as const;
    expect(await tryMany(2, () => startCode(all, mail))).toEqual(["sent", "cooldown 60"]);
    await all.clock.advance(MINUTE);
    expect(await outcomeOf(startCode(all))).toBe("sent");
  });

  it.each([
    { what: "a day's sends", limits: { perNumberPerDay: 2 }, wait: 86_400 },
    { what: "an hour's tries", limits: { triesPerNumber: 2 }, wait: 3_600 },
    { what: "the block", limits: { perBlock: 2 }, wait: 3_600 },
    { what: "all numbers together", limits: { global: 2 }, wait: 3_660 },
  ])("count $what", async ({ limits, wait }) => {
    const all = await open({ limits });
    expect(await tryMany(3, () => startCode(all))).toEqual(["sent", "sent", `rate_limited ${wait}`]);
  });

  it("count a subject over all its numbers, and not strangers", async () => {
    const all = await open({ limits: { perSubject: 2 } });
    const to = (index: number) => `300123456${index}`;
    expect(await tryMany(3, (index) => startCode(all, { to: to(index), subject: "user-1" }))).toEqual([
      "sent",
      "sent",
      "rate_limited 3600",
    ]);
    expect(await outcomeOf(startCode(all, { to: to(9), subject: "user-2" }))).toBe("sent");
    expect(await outcomeOf(startCode(all, { to: to(9) }))).toBe("sent");
  });

  it("count a client by its block, open and bearer apart", async () => {
    const all = await open({ limits: { perClientOpen: 2, perClientBearer: 3 } });
    const from = (address: string, kind: "open" | "bearer" = "open") => ({ client: { address, kind } });
    const to = (index: number) => `30012345${10 + index}`;
    const addresses = ["2001:db8::1", "2001:db8:0:0:ffff::2", "2001:DB8::3"];
    expect(await tryMany(3, (i) => startCode(all, { to: to(i), ...from(addresses[i] ?? "") }))).toEqual([
      "sent",
      "sent",
      "rate_limited 3600",
    ]);
    expect(await outcomeOf(startCode(all, { to: to(4), ...from("2001:db8:0:1::1") }))).toBe("sent");
    const mapped = ["192.0.2.7", "::ffff:192.0.2.7", "192.0.2.7"];
    expect(await tryMany(3, (i) => startCode(all, { to: to(i), ...from(mapped[i] ?? "") }))).toEqual([
      "sent",
      "sent",
      "rate_limited 3600",
    ]);
    expect(await tryMany(4, (i) => startCode(all, { to: to(i), ...from("192.0.2.7", "bearer") }))).toEqual([
      "sent",
      "sent",
      "sent",
      "rate_limited 3600",
    ]);
  });

  it("let this machine through on a laptop, and count it elsewhere", async () => {
    const limits = { perClientOpen: 1 };
    const fromHere = { client: { address: "127.0.0.1", kind: "open" } } as const;
    const laptop = await open({ limits, ignoresLoopback: true });
    expect(await tryMany(3, () => startCode(laptop, fromHere))).toEqual(["sent", "sent", "sent"]);
    await laptop.close();
    const server = await open({ limits });
    expect(await tryMany(2, () => startCode(server, fromHere))).toEqual(["sent", "rate_limited 3600"]);
  });

  it("give back what the provider refused, and never the tries", async () => {
    const all = await open({
      sms: () => ({ outcome: "rejected", code: "phone_landline" }),
      limits: { perNumber: 1, cooldownMs: MINUTE, perBlock: 1, global: 1, triesPerNumber: 4 },
    });
    const outcomes: string[] = [];
    for (let index = 0; index < 5; index++) {
      outcomes.push(await outcomeOf(startCode(all)));
      await all.clock.advance(1);
    }
    expect(outcomes).toEqual(["sent", "sent", "sent", "sent", "rate_limited 3600"]);
    expect(all.sms.calls).toHaveLength(4);
  });

  it("accept exactly five of five hundred at once", async () => {
    const all = await open({ limits: { perNumber: 5 } });
    const outcomes = await Promise.all(Array.from({ length: 500 }, () => outcomeOf(startCode(all))));
    expect(outcomes.filter((outcome) => outcome === "sent")).toHaveLength(5);
    expect(new Set(outcomes)).toEqual(new Set(["sent", "rate_limited 3600"]));
    await all.clock.advance(0);
    expect(all.sms.calls).toHaveLength(5);
  });

  it("are off when a test of the self-test says so", async () => {
    const all = await open({ isLimited: false, limits: { perNumber: 1, cooldownMs: MINUTE } });
    expect(await tryMany(3, () => startCode(all))).toEqual(["sent", "sent", "sent"]);
    expect(await all.limits.nextSendInMs("sms", { kind: "phone", value: PHONE })).toBe(0);
  });
});

describe("what an operator reads of a number", () => {
  it("shows each window and the wrong guesses", async () => {
    const all = await open({ limits: { perNumber: 5, perNumberPerDay: 10, cooldownMs: MINUTE } });
    expect(await all.limits.readNumber(PHONE)).toEqual({
      windows: [
        { windowSeconds: 3_600, limit: 5, count: 0, remaining: 5, resetAt: null },
        { windowSeconds: 86_400, limit: 10, count: 0, remaining: 10, resetAt: null },
      ],
      retryAfterSeconds: 0,
      failedGuesses: { count: 0, limit: 20, retryAfterSeconds: 0 },
    });
    const { verification } = await startCode(all);
    const code = all.codes.codeOf(verification) === "000000" ? "000001" : "000000";
    const target = { tenant: "default", id: verification.id };
    for (let guess = 0; guess < 5; guess++) await all.verifications.check({ target, code }).catch(() => undefined);
    await all.clock.advance(10_000);
    expect(await all.limits.readNumber(PHONE)).toEqual({
      windows: [
        { windowSeconds: 3_600, limit: 5, count: 1, remaining: 4, resetAt: NOW + HOUR },
        { windowSeconds: 86_400, limit: 10, count: 1, remaining: 9, resetAt: NOW + 24 * HOUR },
      ],
      retryAfterSeconds: 50,
      failedGuesses: { count: 5, limit: 20, retryAfterSeconds: 50 },
    });
    expect(await all.limits.nextSendInMs("sms", { kind: "phone", value: PHONE })).toBe(50_000);
  });

  it("is forgotten when the operator resets it", async () => {
    const all = await open({ limits: { perNumber: 1 } });
    expect(await tryMany(2, () => startCode(all))).toEqual(["sent", "rate_limited 3600"]);
    await all.limits.resetNumber(PHONE);
    expect((await all.limits.readNumber(PHONE)).windows[0]).toMatchObject({ count: 0 });
    expect(await outcomeOf(startCode(all))).toBe("sent");
  });

  it("counts notifications apart from codes", async () => {
    const all = await open({ limits: { perNumber: 1 } });
    await startCode(all);
    const notify = () =>
      all.notifications.send({
        ...{ tenant: "default", channel: "sms", to: PHONE, category: "transactional", locale: "es" },
        content: { text: "Su pedido va en camino" },
      });
    expect(await tryMany(2, notify)).toEqual(["sent", "rate_limited 3600"]);
    expect((await all.limits.readNumber(PHONE)).windows[0]).toMatchObject({ count: 1 });
  });
});
