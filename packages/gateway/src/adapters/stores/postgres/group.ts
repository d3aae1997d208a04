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

/** What one step of a batch came to. */
export type Settled<Outcome> = { readonly value: Outcome } | { readonly thrown: unknown };

/** Runs what decides one step; when it throws, that step alone fails. */
export function settle<Outcome>(decide: () => Outcome): Settled<Outcome> {
  try {
    return { value: decide() };
  } catch (thrown) {
    return { thrown };
  }
}

export interface GroupOptions<Step, Outcome> {
  /** Steps with one key are never in two batches that are under way: the second would wait for the locks of the first. */
  readonly keyOf: (step: Step) => string;
  /** One step of a key in a batch, where its statements would count two of them as one. */
  readonly isOneOfEach?: boolean;
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

/** For steps that never meet: reads. */
export function eachItsOwn(): () => string {
  let count = 0;
  return () => String(count++);
}

/** Makes the groups of one store. */
export type CreateGroup = <Step, Outcome>(
  options: Pick<GroupOptions<Step, Outcome>, "keyOf" | "isOneOfEach" | "run">,
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
  const { keyOf, isOneOfEach = false, run, onBatch, maxSteps = MAX_STEPS } = options;
  /** Steps by key, in order; the keys in the order of their turn. */
  const waiting = new Map<string, Job<Step, Outcome>[]>();
  const busyKeys = new Set<string>();
  let waitingCount = 0;
  let inFlight = 0;
  let isScheduled = false;
  let isClosed = false;
  let onIdle: (() => void) | null = null;

  const put = (job: Job<Step, Outcome>): void => {
    const queue = waiting.get(job.key);
    if (queue === undefined) waiting.set(job.key, [job]);
    else queue.push(job);
    waitingCount += 1;
  };

  /** In rounds, a step of each key that is not under way, so that a flood on one key leaves room for the others. */
  const takeBatch = (): readonly Job<Step, Outcome>[] => {
    const batch: Job<Step, Outcome>[] = [];
    const free = [...waiting].filter(([key]) => !busyKeys.has(key)).slice(0, maxSteps);
    const longest = isOneOfEach ? 1 : Math.max(0, ...free.map(([, queue]) => queue.length));
    for (let round = 0; round < longest && batch.length < maxSteps; round++) {
      for (const [, queue] of free) {
        const job = batch.length < maxSteps ? queue[round] : undefined;
        if (job !== undefined) batch.push(job);
      }
    }
    for (const { key } of batch) busyKeys.add(key);
    const taken = new Set(batch);
    for (const [key, queue] of free) {
      if (!busyKeys.has(key)) continue;
      const rest = queue.filter((job) => !taken.has(job));
      // Behind the others: their turn comes first.
      waiting.delete(key);
      if (rest.length > 0) waiting.set(key, rest);
    }
    waitingCount -= batch.length;
    return batch;
  };

  const answer = (job: Job<Step, Outcome>, settled: Settled<Outcome> | undefined): void => {
    if (settled === undefined) job.reject(new Error("a step of a batch has no outcome"));
    else if ("value" in settled) job.resolve(settled.value);
    else job.reject(settled.thrown);
  };

  const refuseLate = (batch: readonly Job<Step, Outcome>[]): readonly Job<Step, Outcome>[] => {
    const oldest = performance.now() - PATIENCE_MS;
    const late = batch.filter(({ since }) => since < oldest);
    if (late.length === 0) return batch;
    const inTime = batch.filter(({ since }) => since >= oldest);
    for (const job of late) job.reject(tooBusy());
    for (const { key } of late) if (!inTime.some((job) => job.key === key)) busyKeys.delete(key);
    return inTime;
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
    for (const [index, job] of batch.entries()) answer(job, settled[index]);
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
        put({ step, key: keyOf(step), since: performance.now(), resolve, reject });
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
