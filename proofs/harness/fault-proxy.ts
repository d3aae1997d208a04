import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** How a proxy treats connections, those that stand and those that come. */
export type ProxyFault =
  | { readonly kind: "none" }
  /** Every piece arrives so much later. */
  | { readonly kind: "delay"; readonly delayMs: number }
  /** Nothing goes through and nothing is closed; what stands at this moment stays dead for ever: half open. */
  | { readonly kind: "blackHole" }
  /** Nothing goes through; what was written arrives when the fault is over, as TCP does after a partition. */
  | { readonly kind: "partition" }
  /** Everything that stands is reset, and what comes too. */
  | { readonly kind: "reset" }
  /** Nobody listens any more; what stands is reset. */
  | { readonly kind: "refuse" }
  /** Each connection is reset after so many bytes of answers. */
  | { readonly kind: "cut"; readonly bytes: number }
  /** One byte of an answer each second. */
  | { readonly kind: "drip" };

const DRIP_MS = 1_000;

/** A TCP proxy on loopback that misbehaves on demand. */
export interface FaultProxy {
  readonly port: number;
  set(fault: ProxyFault): Promise<void>;
  /** Resets what stands, once; what comes is forwarded. */
  resetAll(): void;
  close(): Promise<void>;
}

interface Link {
  readonly client: Socket;
  readonly target: Socket;
  isDead: boolean;
  answered: number;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Listens on a free port before a server of this machine. */
export async function startFaultProxy(targetPort: number): Promise<FaultProxy> {
  let fault: ProxyFault = { kind: "none" };
  let onHealed: (() => void)[] = [];
  const links = new Set<Link>();

  const reset = ({ client, target }: Link): void => {
    client.resetAndDestroy();
    target.resetAndDestroy();
  };

  const forward = async (link: Link, to: Socket, piece: Buffer): Promise<void> => {
    const isAnswer = to === link.client;
    while (fault.kind === "partition") await new Promise<void>((resolve) => onHealed.push(resolve));
    if (link.isDead || fault.kind === "blackHole") {
      link.isDead = true;
      return;
    }
    if (fault.kind === "delay") await pause(fault.delayMs);
    if (fault.kind === "cut" && isAnswer) {
      to.write(piece.subarray(0, Math.max(0, fault.bytes - link.answered)));
      link.answered += piece.length;
      if (link.answered >= fault.bytes) reset(link);
      return;
    }
    let rest = piece;
    for (; fault.kind === "drip" && isAnswer && rest.length > 0; rest = rest.subarray(1)) {
      to.write(rest.subarray(0, 1));
      await pause(DRIP_MS);
    }
    if (rest.length > 0 && !to.destroyed) to.write(rest);
  };

  /** Pieces go one after another, whatever a fault does to each. */
  const join = (link: Link, from: Socket, to: Socket): void => {
    let last: Promise<void> = Promise.resolve();
    from.on("data", (piece) => {
      last = last.then(() => forward(link, to, piece)).catch(() => undefined);
    });
    from.on("error", () => undefined);
    from.on("close", () => {
      links.delete(link);
      // The end of one side does not get through a hole either.
      void last.then(() => {
        if (!link.isDead && fault.kind !== "blackHole") to.destroy();
      });
    });
  };

  const server = createServer((client) => {
    if (fault.kind === "reset") {
      client.resetAndDestroy();
      return;
    }
    const link: Link = {
      client,
      target: connect(targetPort, "127.0.0.1"),
      isDead: fault.kind === "blackHole",
      answered: 0,
    };
    links.add(link);
    client.setNoDelay(true);
    link.target.setNoDelay(true);
    join(link, client, link.target);
    join(link, link.target, client);
  });
  const listen = async (port: number): Promise<void> =>
    void (await once(server.listen(port, "127.0.0.1"), "listening"));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const dead = new Set<Link>();
  const resetAll = (): void => {
    for (const link of [...links]) reset(link);
  };

  return {
    port,
    resetAll,
    set: async (next) => {
      fault = next;
      if (next.kind === "blackHole") {
        for (const link of links) {
          link.isDead = true;
          dead.add(link);
        }
      }
      if (next.kind === "reset" || next.kind === "refuse") resetAll();
      if (next.kind === "refuse") server.close();
      else if (!server.listening) await listen(port);
      if (next.kind !== "partition") {
        for (const heal of onHealed) heal();
        onHealed = [];
      }
    },
    close: async () => {
      fault = { kind: "none" };
      for (const heal of onHealed) heal();
      for (const link of [...links, ...dead]) reset(link);
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}
