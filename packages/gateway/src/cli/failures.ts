import type { Answer, FailedAnswer } from "@mestore/sms-gateway-client";
import { errorText } from "@mestore/sms-gateway-contract/errors";
import type { AppError } from "../domain/app-error.ts";
import { type Report, shown } from "./output.ts";

const whenAgain = (seconds: number | undefined): string | undefined =>
  seconds === undefined ? undefined : `try again in ${seconds} s`;

/** What to do about an answer; the gateway's own texts speak to the person who types a code. */
function adviceFor({ error }: FailedAnswer, url: string): string | undefined {
  switch (error.code) {
    case "network_error":
    case "timeout":
      return `is there a gateway at ${url}? Start one with: sms-gateway serve, or give GATEWAY_URL or --url`;
    case "unexpected_answer":
      return `${url} is not a gateway, or something stands in between; check GATEWAY_URL or --url`;
    case "credentials_invalid":
      return "give GATEWAY_KEY or --key; on the gateway's machine, sms-gateway keys create makes one";
    case "scope_missing":
      return "this needs another scope; see: sms-gateway keys create --help";
    case "path_not_found":
      return "that gateway has no such path: the inbox, for one, exists in simulation only";
    case "cooldown":
    case "rate_limited":
    case "too_many_failures":
      return `${whenAgain(error.retryAfterSeconds) ?? "wait"}, or forget what was counted: sms-gateway limits reset <phone>`;
    case "sms_disabled":
    case "email_disabled":
      return "see whether it is paused or switched off: sms-gateway status";
    default:
      return whenAgain(error.retryAfterSeconds);
  }
}

/** An answer that is no success, as the gateway said it. */
export function refusedAnswer(answer: FailedAnswer, url: string): Report {
  const { code, message, retryAfterSeconds } = answer.error;
  const advice = adviceFor(answer, url);
  return {
    kind: "refused",
    code,
    message,
    ...(advice === undefined ? {} : { advice }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  };
}

/** Shows an answer, or why there is none. */
export const reportAnswer = <Data>(answer: Answer<Data>, url: string, toText: (data: Data) => string): Report =>
  answer.ok ? shown(answer.data, toText(answer.data)) : refusedAnswer(answer, url);

/** An error of our own services, which some commands call without a server. */
export const refusedError = ({ code, details }: AppError): Report => ({
  kind: "refused",
  code,
  message: errorText(code, "en", details),
  ...(code === "not_found" ? { advice: "see what there is with: sms-gateway keys list" } : {}),
});
