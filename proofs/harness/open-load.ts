import { Agent } from "node:http";
import { type Answer, type Call, createAsk } from "./http.ts";

/** One request of a load and what came of it. */
export interface Asked {
  readonly serial: number;
  /** Milliseconds of `performance.now()`. */
  readonly askedAt: number;
  readonly answeredAt: number;
  readonly url: string;
  /** Null when the connection broke or nobody answered. */
  readonly answer: Answer | null;
  /** Name of what broke: `ECONNRESET`, `timeout`. */
  readonly error: string | null;
}

export interface LoadOptions {
  readonly ratePerSecond: number;
  /** Where requests can go at this moment; one after another is taken. */
  readonly urls: () => readonly string[];
  readonly callOf: (serial: number) => Call;
}

export interface OpenLoad {
  /** Everything that was asked and has ended, in the order of its end. */
  readonly asked: readonly Asked[];
  /** Asks nothing more, and resolves when all is answered. */
  stop(): Promise<void>;
}

const TICK_MS = 5;
const TIMEOUT_MS = 20_000;
const SOCKETS = 512;
const FREE_SOCKETS = 32;

/** Tells what an answer promised: a number of 2xx. */
export const isAcknowledged = ({ answer }: Asked): boolean =>
  answer !== null && answer.status >= 200 && answer.status < 300;

const nameOf = (error: unknown): string =>
  error instanceof Error && "code" in error ? String(error.code) : error instanceof Error ? error.message : "unknown";

/** How often each outcome occurs: a status, a status without the `Retry-After` it needs, or what broke. */
export function outcomes(asked: readonly Asked[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { answer, error } of asked) {
    const isSilent = answer?.status === 503 && !/^[1-9]\d*$/.test(answer.retryAfter ?? "");
    const name = answer === null ? (error ?? "unknown") : `${answer.status}${isSilent ? " without Retry-After" : ""}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** Asks at a fixed rate, whether the answers come or not: an open model. Nothing is asked twice. */
export function startLoad({ ratePerSecond, urls, callOf }: LoadOptions): OpenLoad {
  // Taken in turn, no connection rests for so long that the server closes it while a request is on its way.
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS, maxFreeSockets: FREE_SOCKETS, scheduling: "fifo" });
  const asked: Asked[] = [];
  const running = new Set<Promise<void>>();
  let serial = 0;
  let turn = 0;
  let isStopped = false;

  const ask = async (number: number, url: string): Promise<void> => {
    const askedAt = performance.now();
    const note = (answer: Answer | null, error: string | null): void =>
      void asked.push({ serial: number, askedAt, answeredAt: performance.now(), url, answer, error });
    const timeout = Promise.withResolvers<never>();
    const timer = setTimeout(() => timeout.reject(new Error("timeout")), TIMEOUT_MS);
    try {
      note(await Promise.race([createAsk(() => url, agent)(callOf(number)), timeout.promise]), null);
    } catch (error) {
      note(null, nameOf(error));
    } finally {
      clearTimeout(timer);
    }
  };

  const startedAt = performance.now();
  const stop = async (): Promise<void> => {
    isStopped = true;
    clearInterval(ticker);
    await Promise.all(running);
    agent.destroy();
  };
  const tick = (): void => {
    const due = ((performance.now() - startedAt) * ratePerSecond) / 1000;
    while (serial < due && !isStopped) {
      const open = urls();
      const url = open[turn++ % open.length];
      const number = serial++;
      if (url === undefined) {
        const now = performance.now();
        asked.push({ serial: number, askedAt: now, answeredAt: now, url: "", answer: null, error: "nobody listens" });
        continue;
      }
      const work = ask(number, url).finally(() => running.delete(work));
      running.add(work);
    }
  };
  const ticker = setInterval(tick, TICK_MS);
  return { asked, stop };
}
