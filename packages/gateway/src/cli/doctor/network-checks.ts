import { type Check, fail, ok, warn } from "./machine.ts";

/** A network wider than these is no proxy but half a continent. */
const WIDEST_IPV4_PREFIX = 8;
const WIDEST_IPV6_PREFIX = 16;

const isTooWide = (network: string): boolean => {
  const [address = "", prefix] = network.split("/");
  return prefix !== undefined && Number(prefix) < (address.includes(":") ? WIDEST_IPV6_PREFIX : WIDEST_IPV4_PREFIX);
};

const proxies: Check = {
  id: "proxies",
  title: "only your proxies are believed about client addresses",
  look: ({ settings: { trustProxy, publicUrl, isProduction } }) => {
    const wide = trustProxy.filter(isTooWide);
    if (wide.length > 0) {
      const advice = "set TRUST_PROXY to the addresses of your proxies alone";
      return fail(
        `${wide.join(", ")} believes strangers: anybody can invent a client address and slip the limits`,
        advice,
      );
    }
    if (trustProxy.length > 0) return ok(`X-Forwarded-For is believed from ${trustProxy.join(", ")}`);
    if (isProduction && publicUrl?.startsWith("https:") === true) {
      const advice = "set TRUST_PROXY to the address of what ends TLS, such as 10.0.0.0/8";
      return warn("TLS ends before the gateway, yet no proxy is believed: all clients share one limit", advice);
    }
    return ok("no proxy is believed");
  },
};

const webotp: Check = {
  id: "webotp",
  title: "phones fill the code in on the right site",
  look: ({ settings: { webotpHost, corsOrigins } }) => {
    if (webotpHost === undefined) return ok("off: WEBOTP_HOST is not set");
    const hosts = corsOrigins.map((origin) => new URL(origin).hostname);
    if (hosts.length === 0 || hosts.includes(webotpHost)) return ok(`codes belong to ${webotpHost}`);
    const advice =
      "set WEBOTP_HOST to the host of the page with the form, exactly, without www. where the page has none";
    return warn(`codes belong to ${webotpHost}, yet the pages are on ${hosts.join(", ")}`, advice);
  },
};

/** What stands between the gateway and people. */
export const NETWORK_CHECKS: readonly Check[] = [proxies, webotp];
