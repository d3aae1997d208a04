import type { DatabaseSync } from "node:sqlite";
import { AppError } from "../../../domain/app-error.ts";

/** How long a batch waits for another process that holds the file before its steps are refused. */
const BUSY_PATIENCE_MS = 2_000;
const BUSY_RETRY_MS = 20;
const SQLITE_BUSY = 5;

/** What a batch looked like, for metrics and for the tests that count commits. */
export interface BatchReport {
  readonly steps: number;
  readonly durationMs: number;
}

/** The one connection that writes. */
export interface Writer {
  /**
   * Runs one synchronous step in the transaction of this turn of the event loop. Steps run one after another, so
   * each sees what the ones before it did; one that throws undoes only itself. A step may be run twice when another of
   * its batch throws, so it changes nothing but the database.
   *
   * @returns what the step returned, once its commit is durable
   * @throws {AppError} `service_unavailable` when the batch could not be committed
   */
  run<Result>(step: () => Result): Promise<Result>;
  /** Commits what is queued, then refuses everything. */
  close(): Promise<void>;
}

interface Job {
  readonly step: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

type Settled = { readonly job: Job; readonly value: unknown } | { readonly job: Job; readonly thrown: unknown };

const isBusy = (error: unknown): boolean =>
  error instanceof Error && "errcode" in error && (Number(error.errcode) & 0xff) === SQLITE_BUSY;

const unavailable = (cause: unknown): AppError =>
  new AppError("service_unavailable", { retryAfterSeconds: 1 }, { cause });

export interface WriterOptions {
  readonly onBatch: (report: BatchReport) => void;
  /** Steps in a commit at the most; 1 switches the grouping off, for measurements. */
  readonly maxSteps?: number | undefined;
}

/** Group commit: all steps that arrive in one turn of the event loop share one transaction and one fsync. */
export function createWriter(database: DatabaseSync, options: WriterOptions): Writer {
  const { onBatch, maxSteps = Number.POSITIVE_INFINITY } = options;
  const begin = database.prepare("begin immediate");
  const commit = database.prepare("commit");
  const rollback = database.prepare("rollback");
  const savepoint = database.prepare("savepoint step");
  const release = database.prepare("release step");
  const undo = database.prepare("rollback to step");

  let queue: Job[] = [];
  let isScheduled = false;
  let isClosed = false;
  let busySince: number | null = null;
  let onIdle: (() => void) | null = null;

  const schedule = (delayMs: number): void => {
    if (isScheduled) return;
    isScheduled = true;
    if (delayMs === 0) setImmediate(flush);
    else setTimeout(flush, delayMs);
  };

  /** Undoes only this step when it throws. */
  const runAlone = (job: Job): Settled => {
    savepoint.run();
    try {
      const value = job.step();
      release.run();
      return { job, value };
    } catch (thrown) {
      undo.run();
      release.run();
      return { job, thrown };
    }
  };

  /** A step hardly ever throws, so all run without savepoints first, and again with them when one did. */
  const runAll = (jobs: readonly Job[]): readonly Settled[] => {
    try {
      return jobs.map((job) => ({ job, value: job.step() }));
    } catch {
      rollback.run();
      begin.run();
      return jobs.map(runAlone);
    }
  };

  const refuse = (jobs: readonly Job[], cause: unknown): void => {
    for (const job of jobs) job.reject(unavailable(cause));
  };

  /** False when another process holds the file and the batch should be tried again. */
  const beginOrWait = (): boolean => {
    try {
      begin.run();
      busySince = null;
      return true;
    } catch (error) {
      busySince ??= performance.now();
      if (isBusy(error) && performance.now() - busySince < BUSY_PATIENCE_MS) return false;
      busySince = null;
      throw error;
    }
  };

  const commitBatch = (jobs: readonly Job[]): void => {
    const startedAt = performance.now();
    let settled: readonly Settled[];
    try {
      settled = runAll(jobs);
      commit.run();
    } catch (error) {
      if (database.isTransaction) rollback.run();
      refuse(jobs, error);
      return;
    }
    onBatch({ steps: jobs.length, durationMs: performance.now() - startedAt });
    for (const done of settled) {
      if ("thrown" in done) done.job.reject(done.thrown);
      else done.job.resolve(done.value);
    }
  };

  const flush = (): void => {
    isScheduled = false;
    if (queue.length > 0) {
      const jobs = queue.slice(0, maxSteps);
      const rest = queue.slice(maxSteps);
      try {
        if (!beginOrWait()) {
          schedule(BUSY_RETRY_MS);
          return;
        }
        queue = rest;
        commitBatch(jobs);
      } catch (error) {
        queue = rest;
        refuse(jobs, error);
      }
    }
    if (queue.length > 0) schedule(0);
    else onIdle?.();
  };

  return {
    run: <Result>(step: () => Result) =>
      new Promise<Result>((resolve, reject) => {
        if (isClosed) {
          reject(unavailable("the store is closed"));
          return;
        }
        queue.push({ step, resolve: resolve as (value: unknown) => void, reject });
        schedule(0);
      }),
    close: () =>
      new Promise((resolve) => {
        isClosed = true;
        if (queue.length === 0) resolve();
        else onIdle = resolve;
      }),
  };
}
