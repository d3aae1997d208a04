import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";

const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * What became of one HTTP call.
 *
 * `left` tells whether a byte of the request may have reached the other side. An answer that broke off, or was larger
 * than 64 kB, keeps its status and has an empty body.
 */
export type Exchange =
  | { readonly answered: true; readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: string }
  | { readonly answered: false; readonly left: boolean };

export const NOTHING_SENT: Exchange = { answered: false, left: false };

/**
 * Makes one call and never throws. It goes below `undici.request` because only a dispatch handler is told the instant
 * at which a request is written, and that instant parts `unavailable` from `unknown`.
 */
export function exchange(
  dispatcher: Dispatcher,
  request: Dispatcher.DispatchOptions,
  signal: AbortSignal,
): Promise<Exchange> {
  return new Promise((resolve) => {
    let left = false;
    let size = 0;
    let head: { readonly status: number; readonly headers: IncomingHttpHeaders } | undefined;
    let running: Dispatcher.DispatchController | undefined;
    const chunks: Buffer[] = [];

    const end = (body: string) => {
      signal.removeEventListener("abort", giveUp);
      resolve(head === undefined ? { answered: false, left } : { answered: true, ...head, body });
    };
    const giveUp = () => {
      running?.abort(new Error("gave up"));
      end("");
    };

    if (signal.aborted) return end("");
    signal.addEventListener("abort", giveUp);
    dispatcher.dispatch(request, {
      onRequestStart(controller) {
        running = controller;
        // It may have waited for a connection longer than anybody waits for it: aborted here, it is never written.
        if (signal.aborted) controller.abort(new Error("gave up"));
        else left = true;
      },
      onResponseStart(_controller, status, headers) {
        if (status >= 200) head = { status, headers };
      },
      onResponseData(controller, chunk) {
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES) controller.abort(new Error("answer too large"));
        else chunks.push(chunk);
      },
      onResponseEnd: () => end(Buffer.concat(chunks).toString("utf8")),
      onResponseError: () => end(""),
    });
  });
}
