import { describe, expect, it } from "vitest";
import { ALL_CATEGORIES } from "../../src/domain/opt-out.ts";
import { LEASE, NOW, newMessage, newPhone, type OpenStore, start, startStep, times } from "./store-fixtures.ts";
import { claimStep, enqueue } from "./store-messages.ts";
import { useStore } from "./store-under-test.ts";

/** Whoever wants no messages gets none, however they were asked for. */
export function optOutContract(open: OpenStore): void {
  describe("opting out", () => {
    const store = useStore(open);
    const optOut = (address: string, category = ALL_CATEGORIES, since = NOW) =>
      store().addOptOut({ address, category, since, source: "inbound" });
    const enqueueTo = (to: string, category = "transactional") =>
      store().enqueueMessage({ message: newMessage({ to, category }), charges: [], now: NOW });

    it("refuses codes and notifications, and nobody else's", async () => {
      const [gone, other] = [newPhone(), newPhone()];
      await optOut(gone.value);
      expect(await store().startVerification(startStep({ address: gone }))).toEqual({ kind: "opted_out" });
      expect(await enqueueTo(gone.value)).toEqual({ kind: "opted_out" });
      expect((await store().startVerification(startStep({ address: other }))).kind).toBe("started");
      expect((await enqueueTo(other.value)).kind).toBe("enqueued");
    });

    it("speaks of one category where one is named", async () => {
      const { value } = newPhone();
      await optOut(value, "transactional");
      expect((await enqueueTo(value)).kind).toBe("opted_out");
      expect((await enqueueTo(value, "security")).kind).toBe("enqueued");
      const step = startStep({ address: { kind: "phone", value } });
      expect((await store().startVerification(step)).kind).toBe("started");
    });

    it("tells each of many steps at once its own", async () => {
      const phones = times(40, () => newPhone());
      await Promise.all(phones.filter((_, i) => i % 2 === 0).map(({ value }) => optOut(value)));
      const outcomes = await Promise.all(phones.map((address) => store().startVerification(startStep({ address }))));
      expect(outcomes.map(({ kind }) => kind)).toEqual(phones.map((_, i) => (i % 2 === 0 ? "opted_out" : "started")));
    });

    it("keeps what waited in the outbox from being sent", async () => {
      const { value: to } = newPhone();
      const id = await enqueue(store(), { to });
      const begun = await start(store(), { address: { kind: "phone", value: to } });
      await optOut(to);
      const claimed = await store().claimMessages(claimStep({ now: NOW + LEASE }));
      expect(claimed.begun).toEqual([]);
      expect(await store().readMessage("default", id)).toMatchObject({ state: "expired" });
      expect(await store().readMessage("default", begun.messageId)).toMatchObject({ state: "unknown" });
      expect((await store().messageTimeline("default", id)).at(-1)?.data).toMatchObject({ reason: "opted_out" });
    });

    it("is kept once, listed newest first, and forgotten", async () => {
      const [one, two] = [newPhone().value, newPhone().value];
      await Promise.all(times(5, (i) => optOut(one, ALL_CATEGORIES, NOW + i)));
      await optOut(one, "transactional", NOW + 10);
      await optOut(two, ALL_CATEGORIES, NOW + 20);
      expect((await store().listOptOuts({ limit: 10 })).map(({ address }) => address)).toEqual([two, one, one]);
      expect(await store().listOptOuts({ limit: 1 })).toHaveLength(1);
      expect(await store().listOptOuts({ address: one, limit: 10 })).toHaveLength(2);
      expect(await store().removeOptOuts(one, "transactional")).toBe(true);
      expect(await store().removeOptOuts(one, null)).toBe(true);
      expect(await store().removeOptOuts(one, null)).toBe(false);
      expect((await enqueueTo(one)).kind).toBe("enqueued");
    });
  });
}
