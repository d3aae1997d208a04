import { isIP } from "node:net";
import type { RedisOptions } from "ioredis";

export type RedisAddress = Pick<RedisOptions, "host" | "port" | "db" | "username" | "password" | "tls">;

const DEFAULT_PORT = 6379;

function readAddress({ protocol, hostname, port, pathname, username, password }: URL): RedisAddress {
  const db = Number(pathname.slice(1));
  if (!/^rediss?:$/.test(protocol) || hostname === "" || !Number.isInteger(db)) throw new Error("not an address");
  const host = hostname.replace(/^\[|\]$/g, "");
  // A server behind several names shows the certificate of the one that is asked for.
  const servername = isIP(host) === 0 ? { servername: host } : {};
  return {
    host,
    port: Number(port || DEFAULT_PORT),
    db,
    ...(username === "" ? {} : { username: decodeURIComponent(username) }),
    ...(password === "" ? {} : { password: decodeURIComponent(password) }),
    ...(protocol === "rediss:" ? { tls: servername } : {}),
  };
}

/**
 * Reads `redis://user:password@host:port/database`, or `rediss://` for TLS. Parameters are ignored: the library's own
 * reader would let them override our options.
 *
 * @throws {Error} without the text and without a cause: both may hold a password
 */
export function parseRedisAddress(url: string): RedisAddress {
  try {
    return readAddress(new URL(url));
  } catch {
    throw new Error("the address of Redis does not read redis://user:password@host:port/database");
  }
}
