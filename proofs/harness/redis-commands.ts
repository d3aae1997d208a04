import { once } from "node:events";
import { connect } from "node:net";

/**
 * Gives a Redis one command, as a person would type it, in a connection of its own.
 *
 * @returns the first line of its reply
 * @throws when the reply is an error
 */
export async function tellRedis(port: number, command: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  try {
    socket.write(`${command}\r\n`);
    const [reply] = (await once(socket, "data")) as [Buffer];
    const line = reply.toString("utf8").split("\r\n")[0] ?? "";
    if (line.startsWith("-")) throw new Error(`${command}: ${line}`);
    return line;
  } finally {
    socket.destroy();
  }
}
