import { describe, expect, it } from "vitest";
import { type BatchReport, createGroup, type Settled } from "./group.ts";

interface Step {
  readonly key: string;
  readonly value: number;
}

type Run = (steps: readonly Step[]) => Promise<readonly Settled<number>[]>;

const moment = (ms = 5) => new Promise((resolve) => setTimeout(resolve, ms));
const doubled: Run = async (steps) => {
  await moment();
  return steps.map(({ value }) => ({ value: value * 2 }));
};

interface How {
  readonly maxSteps?: number;
  readonly isOneOfEach?: boolean;
}

function openGroup(run: Run = doubled, how: How = {}) {
  const batches: (readonly Step[])[] = [];
  const reports: BatchReport[] = [];
  let inFlight = 0;
  let mostInFlight = 0;
  const group = createGroup<Step, number>({
    keyOf: ({ key }) => key,
    run: async (steps) => {
      batches.push(steps);
      inFlight += 1;
      mostInFlight = Math.max(mostInFlight, inFlight);
      try {
        return await run(steps);
      } finally {
        inFlight -= 1;
      }
    },
    onBatch: (report) => reports.push(report),
    ...how,
  });
  return { group, batches, reports, mostInFlight: () => mostInFlight };
}

const steps = (count: number, keyOf: (index: number) => string = String): readonly Step[] =>
  Array.from({ length: count }, (_, value) => ({ key: keyOf(value), value }));

describe("group commit", () => {
  it("gathers what arrives in one turn, and answers each step with its own outcome", async () => {
    const { group, batches, reports } = openGroup();
    const outcomes = await Promise.all(steps(50).map(group.run));
    expect(outcomes).toEqual(steps(50).map(({ value }) => value * 2));
    expect(batches.map((batch) => batch.length)).toEqual([50]);
    expect(reports).toEqual([{ steps: 50, durationMs: expect.any(Number) }]);
  });

  it("has two batches under way at most, and gathers meanwhile", async () => {
    const { group, batches, mostInFlight } = openGroup();
    const running: Promise<number>[] = [];
    for (const step of steps(60)) {
      running.push(group.run(step));
      await moment(0);
    }
    await Promise.all(running);
    expect(mostInFlight()).toBe(2);
    expect(batches.length).toBeLessThan(60);
  });

  it("never has two batches under way that hold one key, and keeps the order of its steps", async () => {
    const busy = new Set<string>();
    const { group } = openGroup(
      async (batch) => {
        const keys = new Set(batch.map(({ key }) => key));
        for (const key of keys) {
          expect(busy.has(key)).toBe(false);
          busy.add(key);
        }
        await moment(1);
        for (const key of keys) busy.delete(key);
        return batch.map(({ value }) => ({ value }));
      },
      { maxSteps: 7 },
    );
    const answered: number[] = [];
    const run = async (step: Step) => answered.push(await group.run(step));
    await Promise.all(steps(60, (index) => String(index % 3)).map(run));
    for (const key of [0, 1, 2]) {
      const ofKey = answered.filter((value) => value % 3 === key);
      expect(ofKey).toEqual(ofKey.toSorted((a, b) => a - b));
    }
    expect(answered).toHaveLength(60);
  });

  it("gathers the steps of one key, unless a batch can hold only one of each", async () => {
    const { group, batches } = openGroup();
    await Promise.all(steps(40, () => "hot").map(group.run));
    expect(batches.map((batch) => batch.length)).toEqual([40]);
    const single = openGroup(doubled, { isOneOfEach: true });
    await Promise.all(steps(12, (index) => String(index % 2)).map(single.group.run));
    expect(single.batches.map((batch) => batch.length)).toEqual([2, 2, 2, 2, 2, 2]);
  });

  it("keeps a flood on one key from holding up the others", async () => {
    const { group, batches } = openGroup(doubled, { maxSteps: 4 });
    const all = [...steps(40, () => "hot"), ...steps(3, (index) => `other ${index}`)];
    await Promise.all(all.map(group.run));
    expect(batches[0]?.map(({ key }) => key)).toEqual(["hot", "other 0", "other 1", "other 2"]);
  });

  it("lets one step fail alone, and all of a batch that could not be committed", async () => {
    const { group } = openGroup(async (batch) => {
      if (batch.some(({ value }) => value === 99)) throw new Error("no commit");
      return batch.map(({ value }) => (value === 1 ? { thrown: new Error("not this one") } : { value }));
    });
    const outcomes = await Promise.allSettled(steps(3).map(group.run));
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    await expect(group.run({ key: "x", value: 99 })).rejects.toThrow("no commit");
    expect(await group.run({ key: "x", value: 7 })).toBe(7);
  });

  it("refuses at once when thousands wait, and those that waited for too long", async () => {
    const held = Promise.withResolvers<void>();
    const { group } = openGroup(
      async (batch) => {
        await held.promise;
        return batch.map(({ value }) => ({ value }));
      },
      { maxSteps: 1 },
    );
    const first = steps(2).map(group.run);
    await moment();
    const waiting = steps(5_000).map(({ value }) => group.run({ key: `w${value}`, value }));
    await expect(group.run({ key: "one more", value: 0 })).rejects.toMatchObject({ code: "service_unavailable" });
    await moment(2_100);
    held.resolve();
    expect(await Promise.all(first)).toEqual([0, 1]);
    const late = await Promise.allSettled(waiting);
    expect(late.every(({ status }) => status === "rejected")).toBe(true);
    expect(await group.run({ key: "later", value: 5 })).toBe(5);
  });

  it("finishes what was asked before it closes", async () => {
    const { group } = openGroup();
    const running = Promise.all(steps(20, (index) => String(index % 2)).map(group.run));
    await group.close();
    expect(await running).toHaveLength(20);
    await expect(group.run({ key: "a", value: 1 })).rejects.toMatchObject({ code: "service_unavailable" });
    await group.close();
  });
});
