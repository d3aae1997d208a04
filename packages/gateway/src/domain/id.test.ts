import fc from "fast-check";
import { expect, it } from "vitest";
import { ID_RANDOM_BYTES, toId } from "./id.ts";

const random = (byte: number) => new Uint8Array(ID_RANDOM_BYTES).fill(byte);

it("is a prefix, ten characters of time and sixteen of chance", () => {
  expect(toId("ver", 0, random(0))).toBe(`ver_${"0".repeat(26)}`);
  expect(toId("msg", 33, random(31))).toBe(`msg_0000000011${"z".repeat(16)}`);
  expect(toId("key", 1_800_000_000_000, random(255))).toMatch(/^key_[0-9a-hjkmnp-tv-z]{26}$/);
});

it("holds the whole time", () => {
  const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), (now) => {
      const time = [...toId("inb", now, random(0)).slice(4, 14)];
      expect(time.reduce((sum, character) => sum * 32 + alphabet.indexOf(character), 0)).toBe(now);
    }),
  );
});

it("sorts by time whatever the chance", () => {
  const time = fc.integer({ min: 0, max: 2 ** 48 - 2 });
  fc.assert(
    fc.property(time, fc.integer({ min: 1, max: 100_000 }), (now, later) => {
      const next = Math.min(now + later, 2 ** 48 - 1);
      expect(toId("msg", now, random(31)) < toId("msg", next, random(0))).toBe(true);
    }),
  );
});

it("uses each random byte", () => {
  const ids = Array.from({ length: ID_RANDOM_BYTES }, (_, i) => toId("ver", 1, random(0).with(i, 1)));
  expect(new Set([toId("ver", 1, random(0)), ...ids]).size).toBe(ID_RANDOM_BYTES + 1);
});
