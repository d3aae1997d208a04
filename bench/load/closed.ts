import { type Connection, openConnection } from "./connection.ts";
import type { Answer } from "./http.ts";

export interface LoadResult {
  readonly answers: readonly Answer[];
  /** From the write of a request to the last byte of its answer; sorted. */
  readonly latenciesMs: Float64Array;
  readonly seconds: number;
}

export interface Load {
  /** Connections are spread over them evenly. */
  readonly ports: readonly number[];
  readonly connections: number;
  /** Whole requests as bytes; each is sent once, the next of a connection when its answer is there. */
  readonly requests: readonly Buffer[];
}

/** The value below which a share of sorted values lies. */
export const percentile = (sorted: Float64Array, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

/** Sends requests over connections that stay open, one at a time on each. */
export async function runLoad({ ports, connections, requests }: Load): Promise<LoadResult> {
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => undefined);
  const opened = await Promise.all(
    Array.from({ length: connections }, (_, i) => openConnection(ports[i % ports.length] ?? 0, broken.reject)),
  );
  const answers: Answer[] = new Array(requests.length);
  const latenciesMs = new Float64Array(requests.length);
  let next = 0;

  const drive = (connection: Connection): Promise<void> =>
    new Promise((resolve) => {
      const send = (): void => {
        const index = next++;
        const request = requests[index];
        if (request === undefined) {
          resolve();
          return;
        }
        const sentAt = performance.now();
        connection.ask(request, (answer) => {
          latenciesMs[index] = performance.now() - sentAt;
          answers[index] = answer;
          send();
        });
      };
      send();
    });

  const startedAt = performance.now();
  try {
    await Promise.race([Promise.all(opened.map(drive)), broken.promise]);
  } finally {
    for (const connection of opened) connection.close();
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return { answers, latenciesMs: latenciesMs.sort(), seconds };
}
