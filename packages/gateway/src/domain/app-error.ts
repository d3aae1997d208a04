import type { ErrorCode, ErrorDetails } from "@mestore/sms-gateway-contract/errors";

/** The one error class. Its code is looked up in the contract's table, which gives status and texts. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(code, options);
    this.name = "AppError";
    this.code = code;
    this.details = details;
  }
}
