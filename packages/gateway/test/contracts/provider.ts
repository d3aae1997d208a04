import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { OutgoingMessage, SendResult } from "../../src/domain/delivery.ts";
import type { Provider } from "../../src/ports/provider.ts";

/** What the far side does with a message, and what a provider must make of it. */
const EXPECTED = {
  refuses: "rejected",
  throttles: "throttled",
  fails: "unavailable",
  hangs: "unknown",
  talksNonsense: "unknown",
} as const satisfies Record<string, SendResult["outcome"]>;

export type Situation = keyof typeof EXPECTED;
const NOTHING_ARRIVES: readonly Situation[] = ["refuses", "throttles", "fails"];

/** One provider and the far side that it speaks to, made anew for each test. */
export interface ProviderBench {
  readonly provider: Provider;
  /** A message to an address of its own, which the far side takes. */
  message(): OutgoingMessage;
  /** A message which the far side treats so. */
  messageThat(situation: Situation): OutgoingMessage;
  /** A message whose answer takes seconds. */
  slowMessage(): OutgoingMessage;
  /** How many messages an address has got. */
  arrived(to: string): Promise<number>;
  close(): Promise<void>;
}

export interface ProviderContract {
  /** What this far side can do. */
  readonly situations: readonly Situation[];
  readonly setup: () => Promise<ProviderBench>;
}

const AT_ONCE = 100;
const PROMPT_MS = 1_000;
const forever = () => new AbortController().signal;

/** The cases that every provider passes. */
export function providerContract(name: string, { situations, setup }: ProviderContract): void {
  describe(`provider contract: ${name}`, () => {
    let bench: ProviderBench;
    beforeEach(async () => {
      bench = await setup();
    });
    afterEach(() => bench.close());

    it("delivers a message once and names it", async () => {
      const message = bench.message();
      const result = await bench.provider.send(message, forever());
      expect(result).toMatchObject({ outcome: "accepted", providerMessageId: expect.stringMatching(/.{4}/) });
      expect(await bench.arrived(message.to)).toBe(1);
    });

    it("delivers a hundred at once, each to its address and with its own name", async () => {
      const messages = Array.from({ length: AT_ONCE }, () => bench.message());
      const results = await Promise.all(messages.map((message) => bench.provider.send(message, forever())));
      const names = results.map((result) =>
        result.outcome === "accepted" ? result.providerMessageId : result.outcome,
      );
      expect(new Set(names).size).toBe(AT_ONCE);
      expect(await Promise.all(messages.map(({ to }) => bench.arrived(to)))).toEqual(messages.map(() => 1));
    });

    for (const situation of situations) {
      it(`calls it ${EXPECTED[situation]} when the far side ${situation}`, async () => {
        const message = bench.messageThat(situation);
        const result = await bench.provider.send(message, forever());
        expect(result).toMatchObject({ outcome: EXPECTED[situation] });
        expectOurWords(result);
        if (NOTHING_ARRIVES.includes(situation)) expect(await bench.arrived(message.to)).toBe(0);
      });

      it(`works again after the far side ${situation}`, async () => {
        await bench.provider.send(bench.messageThat(situation), forever());
        expect(await bench.provider.send(bench.message(), forever())).toMatchObject({ outcome: "accepted" });
      });
    }

    it("sends nothing when the signal had aborted", async () => {
      const message = bench.message();
      expect(await bench.provider.send(message, AbortSignal.abort())).toMatchObject({ outcome: "unavailable" });
      expect(await bench.arrived(message.to)).toBe(0);
    });

    it("gives up within a moment when the signal aborts, and says that it does not know", async () => {
      const giveUp = new AbortController();
      const sending = bench.provider.send(bench.slowMessage(), giveUp.signal);
      await new Promise((resolve) => setTimeout(resolve, 150));
      const abortedAt = performance.now();
      giveUp.abort();
      expect(await sending).toMatchObject({ outcome: "unknown" });
      expect(performance.now() - abortedAt).toBeLessThan(PROMPT_MS);
    });

    it("answers and does not throw whatever the message holds", async () => {
      for (const odd of [
        { to: "" },
        { text: "" },
        { text: "\u0000\ud800\r\n.\r\nQUIT\r\n" },
        { to: "a\r\nb: c", text: "x" },
      ]) {
        expectOurWords(await bench.provider.send({ ...bench.message(), ...odd }, forever()));
      }
    });

    it("finds the account well", async () => {
      const { ok, detail } = await bench.provider.check(forever());
      expect(ok).toBe(true);
      expect(detail).toMatch(/^[\w ,:.]{5,100}$/);
    });

    it("sends nothing once it is closed, and still answers", async () => {
      await bench.provider.close?.();
      const message = bench.message();
      expect(await bench.provider.send(message, forever())).toMatchObject({ outcome: "unavailable" });
      expect(await bench.arrived(message.to)).toBe(0);
      await bench.provider.close?.();
    });
  });
}

/** A result holds our words and the vendor's code, never the vendor's text. */
function expectOurWords(result: SendResult): void {
  expect(["accepted", "rejected", "throttled", "unavailable", "unknown"]).toContain(result.outcome);
  if ("vendorCode" in result) expect(result.vendorCode).toMatch(/^[A-Za-z0-9_]{1,20}$/);
  const known = ["outcome", "code", "retryAfterMs", "vendorCode", "providerMessageId", "sender", "change"];
  expect(Object.keys(result).filter((key) => !known.includes(key))).toEqual([]);
}
