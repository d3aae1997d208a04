import { type Connection, openConnection } from "../load/connection.ts";
import type { Answer } from "../load/http.ts";

/** To each process. */
const CONNECTIONS = 64;
const ANSWER_WITHIN_MS = 20_000;
const LOOK_EVERY_MS = 1_000;

/** An answer, or what became of the request instead. */
export type Outcome = Answer | { readonly broken: string };

/** Connections to the processes; requests take turns between them. */
export interface Pool {
  ask(request: Buffer, onOutcome: (outcome: Outcome) => void): void;
  close(): void;
}

interface Pending {
  readonly request: Buffer;
  readonly since: number;
  readonly settle: (outcome: Outcome) => void;
}

/**
 * The connections to one port: all of them from the beginning, so that the descriptors of a process grow only when it
 * keeps something itself. The longest unused comes first, so that none is closed for being idle.
 */
function createPortPool(port: number): Pool {
  const free: Connection[] = [];
  const waiting: Pending[] = [];
  const running = new Map<Connection, Pending>();
  let isClosed = false;

  const release = (connection: Connection): void => {
    const next = waiting.shift();
    if (next === undefined) free.push(connection);
    else use(connection, next);
  };
  const use = (connection: Connection, pending: Pending): void => {
    running.set(connection, pending);
    connection.ask(pending.request, (answer) => {
      running.delete(connection);
      release(connection);
      pending.settle(answer);
    });
  };
  const drop = (connection: Connection, broken: string): void => {
    const index = free.indexOf(connection);
    if (index >= 0) free.splice(index, 1);
    const pending = running.get(connection);
    running.delete(connection);
    pending?.settle({ broken });
    void open();
  };
  const open = async (): Promise<void> => {
    if (isClosed) return;
    try {
      const connection: Connection = await openConnection(port, (error) => drop(connection, error.message));
      release(connection);
    } catch (error) {
      const broken = error instanceof Error && "code" in error ? String(error.code) : String(error);
      waiting.shift()?.settle({ broken });
      setTimeout(open, LOOK_EVERY_MS).unref();
    }
  };
  for (let i = 0; i < CONNECTIONS; i++) void open();

  const ticker = setInterval(() => {
    const oldest = performance.now() - ANSWER_WITHIN_MS;
    for (const [connection, { since }] of running) {
      if (since >= oldest) continue;
      connection.close();
      drop(connection, "no answer in time");
    }
  }, LOOK_EVERY_MS);

  return {
    ask: (request, settle) => {
      const pending = { request, since: performance.now(), settle };
      const connection = free.shift();
      if (connection === undefined) waiting.push(pending);
      else use(connection, pending);
    },
    close: () => {
      isClosed = true;
      clearInterval(ticker);
      for (const connection of [...free, ...running.keys()]) connection.close();
    },
  };
}

export function createPool(ports: readonly number[]): Pool {
  const pools = ports.map(createPortPool);
  let turn = 0;
  return {
    ask: (request, settle) => pools[turn++ % pools.length]?.ask(request, settle),
    close: () => {
      for (const pool of pools) pool.close();
    },
  };
}
