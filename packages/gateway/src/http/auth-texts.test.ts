import { MESSAGE_STATES } from "@mestore/sms-gateway-contract";
import { describe, expect, it } from "vitest";
import { DELIVERY, sentText } from "./auth-texts.ts";

const TO = "+57 300 *** 4567";

describe("what a send is answered with", () => {
  it("says where the code went and how long it lives, in the plural of its language", () => {
    const sent = (minutes: number, locale: "es" | "en") => sentText({ to: TO, minutes, isOnItsWay: false, locale });
    expect(sent(10, "es")).toBe("Código enviado a +57 300 *** 4567. Válido por 10 minutos");
    expect(sent(1, "es")).toBe("Código enviado a +57 300 *** 4567. Válido por 1 minuto");
    expect(sent(10, "en")).toBe("Code sent to +57 300 *** 4567. Valid for 10 minutes");
    expect(sent(1, "en")).toBe("Code sent to +57 300 *** 4567. Valid for 1 minute");
  });

  it("promises no more than that the code is on its way while the carrier is silent", () => {
    const onItsWay = (locale: "es" | "en") => sentText({ to: TO, minutes: 10, isOnItsWay: true, locale });
    expect(onItsWay("es")).toBe("Su código va en camino a +57 300 *** 4567. Válido por 10 minutos");
    expect(onItsWay("en")).toBe("Your code is on its way to +57 300 *** 4567. Valid for 10 minutes");
  });

  it("has words for every state of a message, in both languages", () => {
    for (const state of MESSAGE_STATES) {
      expect(DELIVERY[state].es).not.toBe("");
      expect(DELIVERY[state].en).not.toBe(DELIVERY[state].es);
    }
  });
});
