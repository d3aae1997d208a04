import type { z } from "zod";
import english from "zod/v4/locales/en.js";
import spanish from "zod/v4/locales/es.js";
import { AppError } from "../domain/app-error.ts";

const TEXTS = { es: spanish().localeError, en: english().localeError };
const MAX_ISSUES = 5;

type Issue = z.core.$ZodIssue;

/** Zod's own sentence for an issue; the value that was sent is never repeated. */
const sentence = (issue: Issue, locale: keyof typeof TEXTS): string => {
  const text = TEXTS[locale](issue as z.core.$ZodRawIssue);
  const message = typeof text === "string" ? text : (text?.message ?? issue.message);
  const path = issue.path.map(String).join(".");
  return path === "" ? message : `${path}: ${message}`;
};

/**
 * Turns what zod found into our one error for it.
 *
 * @param error of a parse with `reportInput`: without it every wrong type reads as "received undefined"
 */
export function fieldsInvalid({ issues }: z.core.$ZodError): AppError {
  const shown = issues.slice(0, MAX_ISSUES);
  const say = (locale: keyof typeof TEXTS): string => shown.map((issue) => sentence(issue, locale)).join("; ");
  return new AppError("fields_invalid", { problem: { es: say("es"), en: say("en") } });
}

/**
 * Reads a value against its shape.
 *
 * @throws {AppError} `fields_invalid`, saying in both languages what is wrong with which field
 */
export function read<Shape extends z.ZodType>(shape: Shape, value: unknown): z.output<Shape> {
  const result = shape.safeParse(value, { reportInput: true });
  if (!result.success) throw fieldsInvalid(result.error);
  return result.data;
}
