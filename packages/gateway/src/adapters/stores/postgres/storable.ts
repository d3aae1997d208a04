import { AppError } from "../../../domain/app-error.ts";

/** PostgreSQL keeps no NUL, and no half of a surrogate pair. */
const isStorable = (text: string): boolean => !text.includes("\0") && text.isWellFormed();

/**
 * Refuses texts that the database cannot keep before they reach a batch, where they would fail their neighbours too.
 *
 * @throws {AppError} `fields_invalid`
 */
export function assertStorable(texts: readonly (string | null)[]): void {
  if (texts.every((text) => text === null || isStorable(text))) return;
  const problem = {
    es: "un texto tiene un carácter nulo o un carácter incompleto",
    en: "a text holds a NUL or half a character",
  };
  throw new AppError("fields_invalid", { problem });
}
