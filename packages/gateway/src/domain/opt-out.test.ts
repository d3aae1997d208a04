import { describe, expect, it } from "vitest";
import { readKeyword } from "./opt-out.ts";

describe("what a person asks for", () => {
  it.each(["STOP", "stop", " Salir. ", "¡CANCELAR!", "Baja", "stopall", "\n alto \n"])("is to stop: %j", (text) => {
    expect(readKeyword(text)).toBe("stop");
  });
  it.each(["START", "iniciar", "Volver!", "ALTA"])("is to come back: %j", (text) => {
    expect(readKeyword(text)).toBe("start");
  });
  it.each(["", "hola", "no quiero salir", "STOP POR FAVOR", "123456", "stopwatch"])("is nothing: %j", (text) => {
    expect(readKeyword(text)).toBeNull();
  });
});
