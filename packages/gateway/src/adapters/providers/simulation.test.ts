import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { providerContract } from "../../../test/contracts/provider.ts";
import type { OutgoingMessage, Receipt } from "../../domain/delivery.ts";
import { MAGIC_NUMBERS } from "../../domain/magic-numbers.ts";
import type { Clock } from "../../ports/clock.ts";
import type { InboxEntry } from "../../ports/inbox-store.ts";
import { createSimulation } from "./simulation.ts";

const magic = (name: string): string => {
  const found = MAGIC_NUMBERS.find((number) => number.name === name);
  if (found === undefined) throw new Error(`there is no magic number called ${name}`);
  return found.number;
};

const START = Date.UTC(2026, 0, 1, 12);

/** A clock on which a wait costs a thousandth of itself, and that shows which waits are still on. */
function createFastClock() {
  const waits = new Set<number>();
  let elapsed = 0;
  return {
    waits,
    now: () => START + elapsed,
    async sleep(ms: number, signal?: AbortSignal) {
      waits.add(ms);
      await sleep(ms / 1_000, undefined, signal ? { signal } : {}).catch(() => undefined);
      waits.delete(ms);
      elapsed += ms;
    },
  };
}

let made = 0;
const smsTo = (to: string, over: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
  id: `msg_${++made}`,
  lane: "otp",
  channel: "sms",
  country: "CO",
  to,
  text: "MeStore: 123456 es tu clave. Vence en 10 min. No la compartas.",
  deliverBefore: START + 600_000,
  callBefore: Number.MAX_SAFE_INTEGER,
  code: "123456",
  userName: "Test User",
  ...over,
});

const realClock: Clock = {
  now: Date.now,
  sleep: (ms, signal) => sleep(ms, undefined, signal ? { signal } : {}).catch(() => undefined),
};

function createBench(clock: Clock, channel: "sms" | "email" = "sms") {
  const entries: Omit<InboxEntry, "seq" | "state">[] = [];
  const receipts: { readonly messageId: string; readonly receipt: Receipt }[] = [];
  const shown: string[] = [];
  const provider = createSimulation({
    channel,
    clock,
    inbox: {
      async addEntry(entry) {
        return entries.push(entry);
      },
    },
    terminal: (block) => shown.push(block),
    receive: (messageId, receipt) => receipts.push({ messageId, receipt }),
    newId: () => `inb_${++made}`,
  });
  return { provider, entries, receipts, shown };
}

const MAGIC_NAMES = { refuses: "landline", throttles: "throttled", fails: "provider_down", hangs: "timeout" } as const;

providerContract("simulation", {
  situations: ["refuses", "throttles", "fails", "hangs"],
  async setup() {
    const { provider, entries } = createBench(realClock);
    return {
      provider,
      message: () => smsTo(`+5730012${10_000 + ++made}`),
      messageThat: (situation) => smsTo(magic(situation === "talksNonsense" ? "timeout" : MAGIC_NAMES[situation])),
      slowMessage: () => smsTo(magic("slow")),
      arrived: async (to) => entries.filter((entry) => entry.to === to).length,
      close: async () => provider.close?.(),
    };
  },
});

describe("simulation", () => {
  const signal = new AbortController().signal;
  let clock: ReturnType<typeof createFastClock>;
  let bench: ReturnType<typeof createBench>;
  beforeEach(() => {
    clock = createFastClock();
    bench = createBench(clock);
  });
  afterEach(() => bench.provider.close?.());

  it("shows a code on the terminal, line by line", async () => {
    await bench.provider.send(smsTo("+573001234567"), signal);
    expect(bench.shown.join("")).toBe(
      [
        "📱 SIMULACIÓN SMS OTP:",
        "   Para: +573001234567",
        "   Código: 123456",
        "   Usuario: Test User",
        "   Mensaje: MeStore: 123456 es tu clave. Vence en 10 min. No la compartas.",
        "   Timestamp: 2026-01-01 12:00:00.000000",
        "",
      ].join("\n"),
    );
  });

  it("shows a notification without the line of the code", async () => {
    const { code: _code, userName: _userName, ...plain } = smsTo("+573001234567", { text: "Su pedido va en camino" });
    await bench.provider.send({ ...plain, lane: "notification" }, signal);
    expect(bench.shown.join("")).toBe(
      [
        "📱 SIMULACIÓN SMS:",
        "   Para: +573001234567",
        "   Mensaje: Su pedido va en camino",
        "   Timestamp: 2026-01-01 12:00:00.000000",
        "",
      ].join("\n"),
    );
  });

  it("shows an e-mail with its subject", async () => {
    const mail = createBench(clock, "email");
    const message = smsTo("ana@example.com", {
      channel: "email",
      subject: "Su código de MeStore",
      html: "<p>123456</p>",
    });
    await mail.provider.send(message, signal);
    expect(mail.shown[0]).toContain("📧 SIMULACIÓN EMAIL OTP:\n   Para: ana@example.com\n   Código: 123456\n");
    expect(mail.shown[0]).toContain("   Asunto: Su código de MeStore\n");
    expect(mail.entries[0]).toMatchObject({ channel: "email", subject: "Su código de MeStore", html: "<p>123456</p>" });
  });

  it("keeps control and direction characters off the terminal, and the text whole in the inbox", async () => {
    const text = "a\u001b[31mb\u202ec\r\nd\u0007\u2028e\u009b";
    await bench.provider.send(smsTo("+573001234567", { text, userName: "Eva\n   Código: 999999" }), signal);
    expect(bench.shown[0]).toContain("   Mensaje: a[31mbc d e\n");
    expect(bench.shown[0]).toContain("   Usuario: Eva Código: 999999\n");
    expect(bench.entries[0]?.text).toBe(text);
  });

  it("writes the inbox before it accepts, with the code", async () => {
    const message = smsTo("+573001234567");
    await bench.provider.send(message, signal);
    expect(bench.entries).toEqual([
      {
        id: expect.stringMatching(/^inb_/),
        messageId: message.id,
        channel: "sms",
        to: "+573001234567",
        subject: null,
        text: message.text,
        html: null,
        code: "123456",
        at: START,
      },
    ]);
  });

  it("says that a message is delivered a moment later, each message once", async () => {
    const sent = Array.from({ length: 50 }, () => smsTo("+573001234567"));
    await Promise.all(sent.map((message) => bench.provider.send(message, signal)));
    expect(bench.receipts).toEqual([]);
    await expect
      .poll(() => bench.receipts)
      .toEqual(sent.map(({ id }) => ({ messageId: id, receipt: { state: "delivered" } })));
  });

  for (const { number, name, behaviour } of MAGIC_NUMBERS) {
    it(`does what the table says of ${name}`, async () => {
      const message = smsTo(number);
      for (const answer of behaviour.answers) expect(await bench.provider.send(message, signal)).toMatchObject(answer);
      const taken = behaviour.answers.filter(({ outcome }) => outcome === "accepted" || outcome === "unknown").length;
      expect(bench.entries).toHaveLength(taken);
      const { state, code, vendorCode, change } = behaviour.receipt ?? {};
      const receipt = JSON.parse(JSON.stringify({ state, code, vendorCode, change }));
      if (behaviour.receipt === undefined) await sleep(20);
      await expect
        .poll(() => bench.receipts, { timeout: 3_000 })
        .toEqual(behaviour.receipt === undefined ? [] : [{ messageId: message.id, receipt }]);
    });
  }

  it("starts over with the answers of the table for another message", async () => {
    const to = magic("throttled_once");
    const outcomes = [];
    for (const id of ["msg_a", "msg_b", "msg_a", "msg_b"]) {
      outcomes.push((await bench.provider.send(smsTo(to, { id }), signal)).outcome);
    }
    expect(outcomes).toEqual(["throttled", "throttled", "accepted", "accepted"]);
  });

  it("delivers the late one after the code has expired", async () => {
    await bench.provider.send(smsTo(magic("late")), signal);
    await sleep(50);
    expect(bench.receipts).toEqual([]);
    await expect.poll(() => bench.receipts, { timeout: 3_000 }).toMatchObject([{ receipt: { state: "delivered" } }]);
    expect(clock.now()).toBeGreaterThan(START + 600_000);
  });

  it("accepts nothing that the inbox could not keep", async () => {
    const broken = createSimulation({
      channel: "sms",
      clock: clock,
      inbox: { addEntry: () => Promise.reject(new Error("disk full")) },
      receive: () => undefined,
      newId: () => "inb_1",
    });
    expect(await broken.send(smsTo("+573001234567"), signal)).toEqual({ outcome: "unavailable" });
  });

  it("leaves no wait behind when it closes, and sends no receipt after", async () => {
    await bench.provider.send(smsTo("+573001234567"), signal);
    await bench.provider.send(smsTo(magic("late")), signal);
    await bench.provider.close?.();
    await sleep(5);
    expect([...clock.waits]).toEqual([]);
    expect(bench.receipts).toEqual([]);
  });

  it("takes ten thousand messages in less than two seconds", async () => {
    const startedAt = performance.now();
    for (let i = 0; i < 10_000; i++) await bench.provider.send(smsTo("+573001234567"), signal);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });
});
