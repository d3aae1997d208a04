import { Agent } from "node:http";
import { createAsk } from "./http.ts";

const EVERY_MS = 250;

/** What a balancer saw of processes that left. */
export interface Departures {
  /** Processes that said "not ready" and then were gone. */
  readonly turns: number;
  /** Processes that were gone without having said so. */
  readonly abrupt: number;
}

/** A load balancer's view: processes whose `/readyz` answers 200. It repeats no request. */
export interface Balancer {
  readonly urls: () => readonly string[];
  seen(): Departures;
  stop(): void;
}

type State = "ready" | "leaving" | "gone";

/**
 * Asks every process four times a second whether it is ready.
 *
 * @param known addresses of all processes that run
 */
export function startBalancer(known: () => readonly string[]): Balancer {
  const states = new Map<string, State>();
  // A probe of a connection of its own finds out whether anybody listens.
  const agent = new Agent({ keepAlive: false });
  let turns = 0;
  let abrupt = 0;

  const leave = (url: string): void => {
    const before = states.get(url);
    if (before === "leaving") turns++;
    if (before === "ready") abrupt++;
    states.set(url, "gone");
  };
  const probe = async (url: string): Promise<void> => {
    try {
      const { status } = await createAsk(() => url, agent)({ method: "GET", path: "/readyz" });
      if (states.get(url) !== "gone") states.set(url, status === 200 ? "ready" : "leaving");
    } catch {
      leave(url);
    }
  };
  const turn = (): void => {
    for (const url of known()) if (states.get(url) !== "gone") void probe(url);
    for (const [url, state] of states) if (state !== "gone" && !known().includes(url)) leave(url);
  };
  const ticker = setInterval(turn, EVERY_MS);
  turn();
  return {
    urls: () => known().filter((url) => states.get(url) === "ready"),
    seen: () => ({ turns, abrupt }),
    stop: () => {
      clearInterval(ticker);
      agent.destroy();
    },
  };
}
