import { z } from "zod";
import { ERRORS, type ErrorCode } from "./errors.ts";

const ERROR_CODES = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]];

/**
 * The body of every error, on every surface.
 *
 * `message` and `detail` hold the same text: one is what the first front end reads, the other what standard clients read.
 *
 * @see RFC 9457, Problem Details for HTTP APIs
 */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  message: z.string(),
  success: z.literal(false),
  code: z.enum(ERROR_CODES),
  attempts_remaining: z.int().optional(),
  retry_after: z.int().optional(),
  request_id: z.string(),
});
export type Problem = z.output<typeof Problem>;
