import { describe, expect, it } from "vitest";
import { z } from "zod";
import { AppError } from "../domain/app-error.ts";
import { read } from "./read.ts";

const Shape = z.strictObject({ name: z.string().max(5), kind: z.enum(["a", "b"]).optional() });

/** What a caller is told about a value. */
function problemOf(value: unknown): { readonly es: string; readonly en: string } {
  try {
    read(Shape, value);
  } catch (error) {
    if (error instanceof AppError && error.code === "fields_invalid" && error.details.problem !== undefined) {
      return error.details.problem;
    }
    throw error;
  }
  throw new Error("the value was taken");
}

describe("reading a value against its shape", () => {
  it("gives back what fits", () => {
    expect(read(Shape, { name: "Ana" })).toEqual({ name: "Ana" });
  });

  it.each([
    [undefined, "indefinido", "undefined"],
    [null, "nulo", "null"],
    [[], "arreglo", "array"],
    [7, "número", "number"],
  ])("says in both languages that %j is of the wrong kind", (value, es, en) => {
    expect(problemOf(value)).toEqual({
      es: `Entrada inválida: se esperaba objeto, recibido ${es}`,
      en: `Invalid input: expected object, received ${en}`,
    });
  });

  it("names the field", () => {
    expect(problemOf({ name: ["x"] }).es).toBe("name: Entrada inválida: se esperaba texto, recibido arreglo");
    expect(problemOf({ name: "x", admin: true }).en).toBe('Unrecognized key: "admin"');
  });

  it("never repeats a value", () => {
    const written = JSON.stringify(problemOf({ name: "canary-canary", kind: "canary" }));
    expect(written).not.toContain("canary");
  });

  it("stops after five complaints", () => {
    const Many = z.array(z.string());
    expect(() =>
      read(
        Many,
        Array.from({ length: 9 }, () => 1),
      ),
    ).toThrow(AppError);
    try {
      read(
        Many,
        Array.from({ length: 9 }, () => 1),
      );
    } catch (error) {
      expect(error instanceof AppError && error.details.problem?.en.split("; ")).toHaveLength(5);
    }
  });
});
