import { ERRORS } from "@mestore/sms-gateway-contract/errors";
import { describe, expect, it } from "vitest";
import { toRefusal } from "../../src/adapters/providers/wire/failure.ts";
import type { ErrorCatalogue } from "../../src/domain/vendor-error.ts";

/**
 * The cases that the error catalogue of every provider passes.
 *
 * @param hopeless codes after which nobody may try anything else: the person opted out, or the number does not exist
 */
export function errorCatalogueContract(name: string, catalogue: ErrorCatalogue, hopeless: readonly string[]): void {
  describe(`error catalogue: ${name}`, () => {
    it.each([...catalogue])(
      "%s has a class, a text for people and one for the operator in both languages",
      (code, error) => {
        expect(code).toMatch(/^[A-Za-z0-9_]{1,20}$/);
        expect(["number", "config", "blocked", "transient", "unknown"]).toContain(error.class);
        expect(ERRORS[error.userError].es).toBeTruthy();
        expect(ERRORS[error.userError].en).toBeTruthy();
        for (const text of [error.operator.es, error.operator.en]) expect(text).toMatch(/^.{10,140}[^.]$/);
        expect(error.operator.es).not.toBe(error.operator.en);
        expect(new Set(error.change).size).toBe(error.change.length);
        expect(error.retry).toBe(error.class === "transient");
      },
    );

    it("never sends somebody who opted out, or a number that does not exist, to another provider", () => {
      for (const code of hopeless) expect([code, catalogue.get(code)?.change]).toEqual([code, []]);
      for (const [, { class: kind, change }] of catalogue) {
        if (kind === "blocked" || kind === "number") expect(change).not.toContain("provider");
      }
    });

    it("ends in a safe class when this version does not know the code", () => {
      expect(toRefusal(catalogue, "no_such_code")).toEqual({
        ...{ outcome: "rejected", code: "delivery_failed", vendorCode: "no_such_code" },
        change: ["provider", "channel"],
      });
    });
  });
}
