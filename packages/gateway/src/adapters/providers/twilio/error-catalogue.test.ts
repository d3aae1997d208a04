import { ERRORS } from "@mestore/sms-gateway-contract/errors";
import { describe, expect, it } from "vitest";
import { toRefusal } from "../wire/failure.ts";
import { TWILIO_ERRORS } from "./error-catalogue.ts";

/** Every code that the vendor's dictionary gives to messages, receipts, calls and webhooks of ours. */
const MESSAGING = [
  ...[11200, 11205, 14107, 20003, 20404, 20429, 21211, 21212, 21214, 21408, 21602, 21603, 21606, 21608, 21610, 21611],
  ...[21612, 21614, 21617, 21703, 21704, 21705, 30001, 30002, 30003, 30004, 30005, 30006, 30007, 30008, 30010, 30017],
  ...[30018, 30022, 30023, 30024, 30034, 30035, 30410, 30450, 30453, 63003, 63007, 63013, 63016, 63018, 63024, 63032],
  ...[63033, 63038, 63049],
];
const VERIFY = [
  ...[60200, 60202, 60203, 60204, 60205, 60206, 60207, 60208, 60209, 60210, 60211, 60212, 60214, 60217, 60220, 60221],
  ...[60223, 60224, 60228, 60229, 60330, 60408, 60410, 60411, 60412, 20404, 20429, 20003],
];

describe("the errors of Twilio", () => {
  it("are all there, and nothing else is", () => {
    expect([...TWILIO_ERRORS.keys()].map(Number).sort()).toEqual([...new Set([...MESSAGING, ...VERIFY])].sort());
  });

  it.each([...TWILIO_ERRORS])(
    "%s has a class, a text for people and one for the operator in both languages",
    (_code, error) => {
      expect(["number", "config", "blocked", "transient", "unknown"]).toContain(error.class);
      expect(ERRORS[error.userError].es).toBeTruthy();
      expect(ERRORS[error.userError].en).toBeTruthy();
      for (const text of [error.operator.es, error.operator.en]) expect(text).toMatch(/^.{10,140}[^.]$/);
      expect(error.operator.es).not.toBe(error.operator.en);
      expect(new Set(error.change).size).toBe(error.change.length);
    },
  );

  it("never send somebody who opted out, or a number that does not exist, to another provider", () => {
    for (const code of ["21610", "21211", "30005", "60200"]) expect(TWILIO_ERRORS.get(code)?.change).toEqual([]);
    for (const [, { class: kind, change }] of TWILIO_ERRORS) {
      if (kind === "blocked" || kind === "number") expect(change).not.toContain("provider");
    }
  });

  it("say what is retried exactly where it is transient", () => {
    for (const [code, error] of TWILIO_ERRORS) expect([code, error.retry]).toEqual([code, error.class === "transient"]);
  });

  it("end in a safe class when this version does not know them", () => {
    expect(toRefusal(TWILIO_ERRORS, "29999")).toEqual({
      outcome: "rejected",
      code: "delivery_failed",
      vendorCode: "29999",
      change: ["provider", "channel"],
    });
  });
});
