import type { AppError } from "../../../domain/app-error.ts";
import { unavailable } from "./connection.ts";

/** Batches of one kind under way at once: one that commits, one that gathers its locks. */
const MAX_IN_FLIGHT = 2;
const MAX_STEPS = 128;
/** Beyond that, steps are refused at once: whoever asks would have given up before its turn came. */
const MAX_WAITING = 5_000;
const PATIENCE_MS = 2_000;

/** What a batch looked like. */
export interface BatchReport {
  readonly steps: number;
  readonly durationMs: number;
}

/** What one step of a batch came to. `again` puts it into a later batch. */
export type Settled<Outcome> = { readonly value: Outcome } | { readonly thrown: unknown } | { readonly again: true };

export interface GroupOptions<Step, Outcome> {
  /** Two steps with one key never share a batch: a statement over many rows would count them as one. */
  readonly keyOf: (step: Step) => string;
  /** Runs and commits a batch; answers in the order of the steps. */
  readonly run: (steps: readonly Step[]) => Promise<readonly Settled<Outcome>[]>;
  readonly onBatch: (report: BatchReport) => void;
  /** 1 switches the grouping off, for measurements. */
  readonly maxSteps?: number | undefined;
}

export interface Group<Step, Outcome> {
  /** @throws {AppError} `service_unavailable` when too many wait, or the step waited too long */
  run(step: Step): Promise<Outcome>;
  /** Resolves when everything that was asked is answered; refuses what comes after. */
  close(): Promise<void>;
}

/** Makes the groups of one store. */
export type CreateGroup = <Step, Outcome>(
  options: Pick<GroupOptions<Step, Outcome>, "keyOf" | "run">,
) => Group<Step, Outcome>;

interface Job<Step, Outcome> {
  readonly step: Step;
  readonly key: string;
  readonly since: number;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (reason: unknown) => void;
}

const tooBusy = (): AppError => unavailable("too many steps wait for the database");

/** Group commit: steps that arrive while others commit share the next transaction. */
export function createGroup<Step, Outcome>(options: GroupOptions<Step, Outcome>): Group<Step, Outcome> {
  const { keyOf, run, onBatch, maxSteps = MAX_STEPS } = options;
  /** Steps by key, in order; the keys in the order of their turn. */
  const waiting = new Map<string, Job<Step, Outcome>[]>();
  const busyKeys = new Set<string>();
  let waitingCount = 0;
  let inFlight = 0;
  let isScheduled = false;
  let isClosed = false;
  let onIdle: (() => void) | null = null;

  const put = (job: Job<Step, Outcome>, where: "first" | "last"): void => {
    const queue = waiting.get(job.key);
    if (queue === undefined) waiting.set(job.key, [job]);
    else if (where === "last") queue.push(job);
    else queue.unshift(job);
    waitingCount += 1;
  };

  /** The first step of each key whose turn it is and that is not under way. */
  const takeBatch = (): readonly Job<Step, Outcome>[] => {
    const batch: Job<Step, Outcome>[] = [];
    for (const [key, queue] of waiting) {
      if (batch.length === maxSteps) break;
      if (busyKeys.has(key)) continue;
      const job = queue.shift();
      waiting.delete(key);
      if (queue.length > 0) waiting.set(key, queue);
      if (job === undefined) continue;
      waitingCount -= 1;
      batch.push(job);
      busyKeys.add(key);
    }
    return batch;
  };

  const settle = (job: Job<Step, Outcome>, settled: Settled<Outcome> | undefined): void => {
    if (settled === undefined) job.reject(new Error("a step of a batch has no outcome"));
    else if ("value" in settled) job.resolve(settled.value);
    else if ("thrown" in settled) job.reject(settled.thrown);
    else put(job, "first");
  };

  const refuseLate = (batch: readonly Job<Step, Outcome>[]): readonly Job<Step, Outcome>[] => {
    const oldest = performance.now() - PATIENCE_MS;
    const late = batch.filter(({ since }) => since < oldest);
    for (const job of late) {
      busyKeys.delete(job.key);
      job.reject(tooBusy());
    }
    return late.length === 0 ? batch : batch.filter(({ since }) => since >= oldest);
  };

  const commit = async (batch: readonly Job<Step, Outcome>[]): Promise<void> => {
    const startedAt = performance.now();
    inFlight += 1;
    let settled: readonly Settled<Outcome>[];
    try {
      settled = await run(batch.map(({ step }) => step));
      onBatch({ steps: batch.length, durationMs: performance.now() - startedAt });
    } catch (thrown) {
      settled = batch.map(() => ({ thrown }));
    }
    inFlight -= 1;
    for (const { key } of batch) busyKeys.delete(key);
    batch.forEach((job, index) => settle(job, settled[index]));
    schedule();
    if (inFlight === 0 && waitingCount === 0) onIdle?.();
  };

  const flush = (): void => {
    isScheduled = false;
    while (inFlight < MAX_IN_FLIGHT && waitingCount > 0) {
      const taken = takeBatch();
      if (taken.length === 0) return;
      const batch = refuseLate(taken);
      if (batch.length > 0) void commit(batch);
    }
    if (inFlight === 0 && waitingCount === 0) onIdle?.();
  };

  const schedule = (): void => {
    if (isScheduled || inFlight >= MAX_IN_FLIGHT || waitingCount === 0) return;
    isScheduled = true;
    setImmediate(flush);
  };

  return {
    run: (step) =>
      new Promise<Outcome>((resolve, reject) => {
        if (isClosed) return reject(unavailable("the store is closed"));
        if (waitingCount >= MAX_WAITING) return reject(tooBusy());
        put({ step, key: keyOf(step), since: performance.now(), resolve, reject }, "last");
        schedule();
      }),
    close: () =>
      new Promise((resolve) => {
        isClosed = true;
        if (inFlight === 0 && waitingCount === 0) resolve();
        else onIdle = resolve;
      }),
  };
}
