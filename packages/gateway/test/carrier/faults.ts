import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { answer, refuse } from "./wire.ts";

/**
 * How the carrier misbehaves. The message exists in spite of it where `taken` says so; a real one would not tell either.
 */
export type Fault =
  /** Refuses with a code of the vendor, status 400 unless told. */
  | { readonly kind: "refuse"; readonly code: number; readonly status?: number }
  /** 429; `retryAfter` is the header as it stands. */
  | { readonly kind: "throttle"; readonly retryAfter?: string; readonly code?: number }
  /** Any status, with a body that no API would write. */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly taken?: boolean;
      readonly headers?: Record<string, string>;
    }
  /** Resets the connection with the request unread. Knows no number yet: goes by `times` alone. */
  | { readonly kind: "resetBeforeBody" }
  /** Takes the message and resets the connection before a byte of the answer. */
  | { readonly kind: "resetAfterBody" }
  /** Takes the message and breaks off in the middle of the answer. */
  | { readonly kind: "truncate" }
  /** Takes the message and never answers. */
  | { readonly kind: "hang" }
  /** Takes the message and answers one byte a second. */
  | { readonly kind: "drip" }
  /** Takes the message and answers later than usual. */
  | { readonly kind: "slow"; readonly delayMs: number }
  /** Takes the message and answers 200 with a web page, broken JSON, 10 MB of JSON, or the id of something else. */
  | { readonly kind: "html" | "garbage" | "huge" | "wrongSid" }
  /** Answers 201 with an error in the shape of a message. */
  | { readonly kind: "failedMessage"; readonly code: number }
  /** Answers 200 with the body of a refusal. */
  | { readonly kind: "errorWith200"; readonly code: number };

const DRIP_MS = 1_000;
const HUGE_BYTES = 10 * 1024 * 1024;

/** Kinds that make no message. */
const NOT_TAKEN = new Set<Fault["kind"]>(["refuse", "throttle", "resetBeforeBody", "failedMessage", "errorWith200"]);
/** Tells whether the message exists, and is billed, in spite of the fault. */
export const isTaken = (fault: Fault): boolean =>
  fault.kind === "status" ? (fault.taken ?? false) : !NOT_TAKEN.has(fault.kind);

type Message = Readonly<Record<string, unknown>>;

/** Answers a message as the fault says. */
export function misbehave(fault: Fault, message: Message, response: ServerResponse): void {
  const json = JSON.stringify(message);
  switch (fault.kind) {
    case "refuse":
      refuse(response, { status: fault.status ?? 400, code: fault.code, message: "Refused on demand" });
      break;
    case "throttle":
      if (fault.retryAfter !== undefined) response.setHeader("Retry-After", fault.retryAfter);
      refuse(response, { status: 429, code: fault.code ?? 20429, message: "Too Many Requests" });
      break;
    case "status":
      response.writeHead(fault.status, { "Content-Type": "text/html", ...fault.headers });
      response.end(`<html><body>${fault.status}</body></html>`);
      break;
    case "resetBeforeBody":
    case "resetAfterBody":
      response.socket?.resetAndDestroy();
      break;
    case "truncate":
      response.writeHead(201, { "Content-Type": "application/json", "Content-Length": json.length });
      response.write(json.slice(0, 20), () => response.socket?.resetAndDestroy());
      break;
    case "hang":
      break;
    case "drip":
      drip(json, response);
      break;
    case "slow": {
      const timer = setTimeout(() => answer(response, 201, message), fault.delayMs);
      response.once("close", () => clearTimeout(timer));
      break;
    }
    case "html":
      response.writeHead(200, { "Content-Type": "text/html" }).end("<html><body>Welcome</body></html>");
      break;
    case "garbage":
      response.writeHead(201, { "Content-Type": "application/json" }).end(`${json.slice(0, -20)}\u0000}}]`);
      break;
    case "huge":
      answer(response, 201, { ...message, padding: "x".repeat(HUGE_BYTES) });
      break;
    case "wrongSid":
      answer(response, 201, { ...message, sid: `VE${randomBytes(16).toString("hex")}` });
      break;
    case "failedMessage":
      answer(response, 201, { ...message, status: "failed", error_code: fault.code });
      break;
    case "errorWith200":
      refuse(response, { status: 200, code: fault.code, message: "Refused on demand" });
      break;
  }
}

function drip(json: string, response: ServerResponse): void {
  let written = 0;
  response.writeHead(201, { "Content-Type": "application/json", "Content-Length": json.length });
  response.flushHeaders();
  const timer = setInterval(() => response.write(json.charAt(written++)), DRIP_MS);
  response.once("close", () => clearInterval(timer));
}
