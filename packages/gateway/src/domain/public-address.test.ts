import { describe, expect, it } from "vitest";
import { isPublicAddress } from "./public-address.ts";

describe("isPublicAddress", () => {
  it.each(["8.8.8.8", "93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4003:80f::200e"])(
    "lets %s through",
    (address) => expect(isPublicAddress(address)).toBe(true),
  );

  it.each([
    ["loopback", "127.0.0.1"],
    ["all of loopback", "127.255.255.254"],
    ["loopback of IPv6", "::1"],
    ["this host", "0.0.0.0"],
    ["this network", "0.1.2.3"],
    ["no address at all", "::"],
    ["private, 10", "10.0.0.1"],
    ["private, 172.16", "172.16.0.1"],
    ["private, 172.31", "172.31.255.255"],
    ["private, 192.168", "192.168.1.1"],
    ["carrier-grade NAT", "100.64.0.1"],
    ["link-local and the metadata of clouds", "169.254.169.254"],
    ["link-local of IPv6", "fe80::1"],
    ["link-local with a zone", "fe80::1%eth0"],
    ["unique-local", "fd00::1"],
    ["unique-local, metadata of AWS", "fd00:ec2::254"],
    ["site-local", "fec0::1"],
    ["multicast", "224.0.0.1"],
    ["multicast of IPv6", "ff02::1"],
    ["broadcast", "255.255.255.255"],
    ["reserved", "240.0.0.1"],
    ["documentation", "203.0.113.7"],
    ["benchmarks", "198.18.0.1"],
    ["mapped", "::ffff:10.0.0.1"],
    ["mapped, in hexadecimal", "::ffff:a00:1"],
    ["a mapped public one", "::ffff:8.8.8.8"],
    ["compatible", "::127.0.0.1"],
    ["translated", "64:ff9b::7f00:1"],
    ["translated within a network", "64:ff9b:1::7f00:1"],
    ["SIIT", "::ffff:0:127.0.0.1"],
    ["6to4", "2002:7f00:1::"],
    ["Teredo", "2001::1"],
    ["documentation of IPv6", "2001:db8::1"],
    ["not assigned", "4000::1"],
    ["octal", "0177.0.0.1"],
    ["decimal", "2130706433"],
    ["hexadecimal", "0x7f.1"],
    ["a name", "localhost"],
    ["nothing", ""],
  ])("refuses %s", (_, address) => expect(isPublicAddress(address)).toBe(false));
});
