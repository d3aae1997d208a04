import { createHash, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { Price } from "../../../domain/delivery.ts";

/** Reads a body that may be anything at all; undefined when it is not JSON of this shape. */
export function readJson<T>(schema: z.ZodType<T>, body: string): T | undefined {
  try {
    return schema.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
}

/** The first of a header's values. */
export const firstOf = (header: string | readonly string[] | undefined): string | undefined =>
  typeof header === "string" ? header : header?.[0];

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Compares in a time that tells nothing of either text, its length included. */
export const isSameText = (one: string, other: string): boolean => timingSafeEqual(digest(one), digest(other));

/** A code that we may keep and show: short, and of harmless letters. */
export const toVendorCode = (text: unknown): string | undefined => {
  const code = typeof text === "string" || typeof text === "number" ? String(text).replaceAll("-", "_") : "";
  return /^[A-Za-z0-9_]{1,20}$/.test(code) ? code : undefined;
};

const Amount = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^\d+(\.\d+)?$/)
      .transform(Number),
  ])
  .pipe(z.number().min(0));
const Currency = z.string().regex(/^[A-Z]{3}$/);

/** What a message cost; undefined unless the vendor gave both an amount and a currency of ISO 4217. */
export function readPrice(amount: unknown, currency: unknown): Price | undefined {
  const read = z.object({ amount: Amount, currency: Currency }).safeParse({ amount, currency });
  return read.data;
}
