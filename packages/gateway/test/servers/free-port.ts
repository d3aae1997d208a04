import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/** Below the ports that systems hand out by themselves (Linux starts at 32768). */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen(port, "127.0.0.1"), "listening");
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/**
 * A loopback port on which nothing listens, for a server that comes back on it after a crash.
 *
 * It is not one that the system gives to outgoing connections: while the server is down, one of those could take the port,
 * or a client that tries again could even connect to itself.
 */
export async function findFreePort(): Promise<number> {
  const port = randomInt(FIRST_PORT, LAST_PORT);
  return (await isFree(port)) ? port : findFreePort();
}
