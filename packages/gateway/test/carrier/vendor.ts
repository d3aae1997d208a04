import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Fault, isTaken, misbehave } from "./faults.ts";

/** A request, read to its end. */
export interface Heard {
  readonly method: string;
  /** With its query. */
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** What a vendor's own rules say of a message: who it is for, or why not. */
export type Verdict =
  | { readonly taken: true; readonly to: string; readonly text: string; readonly receiptUrl?: string | undefined }
  | { readonly taken: false; readonly outcome: string; readonly answer: Answer };

type Coded = "refuse" | "failedMessage" | "errorWith200";

/** The faults of the local carrier, with codes of any vendor. */
export type VendorFault =
  | Exclude<Fault, { readonly kind: Coded }>
  | { readonly kind: Coded; readonly code: string | number; readonly status?: number };

/** How one vendor speaks. */
export interface VendorShape {
  isSend(heard: Heard): boolean;
  judge(heard: Heard): Verdict;
  newId(): string;
  accepted(id: string, heard: Heard): Answer;
  refused(code: string | number, status?: number): Answer;
  /** A message that was made and failed at once, where the vendor has such. */
  failed?(id: string, code: string | number): Answer;
  /** Everything that is no send. */
  other(heard: Heard): Answer;
}

export interface VendorEntry {
  readonly heard: Heard | null;
  readonly to: string | null;
  readonly text: string | null;
  readonly receiptUrl: string | undefined;
  /** `accepted`, what the vendor's own rules refused it with, or the kind of the fault. */
  readonly outcome: string;
  /** Id of the message when there is one: this was sent and billed. */
  readonly id: string | null;
}

export interface Vendor {
  readonly url: string;
  /** Every send, oldest first. */
  readonly ledger: readonly VendorEntry[];
  sent(to?: string): readonly VendorEntry[];
  behave(fault: VendorFault, scope?: { readonly to?: string; readonly times?: number }): void;
  close(): Promise<void>;
}

interface Planned {
  readonly fault: VendorFault;
  readonly to: string | undefined;
  left: number;
}

async function hear(request: IncomingMessage): Promise<Heard> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return {
    method: request.method ?? "",
    url: new URL(request.url ?? "/", "http://vendor"),
    headers: request.headers,
    body: Buffer.concat(chunks).toString("utf8"),
  };
}

function write(response: ServerResponse, { status, body }: Answer): void {
  const isText = typeof body === "string";
  response.writeHead(status, { "Content-Type": isText ? "text/plain" : "application/json" });
  response.end(isText ? body : JSON.stringify(body));
}

/**
 * Starts an HTTP server on loopback that speaks as one vendor does: it refuses what the vendor would refuse, keeps a
 * ledger of every send and misbehaves on demand.
 */
export async function startVendor(shape: VendorShape): Promise<Vendor> {
  const ledger: VendorEntry[] = [];
  let planned: Planned[] = [];

  function nextFault(fits: (plan: Planned) => boolean): VendorFault | null {
    const plan = planned.find(fits);
    if (plan === undefined) return null;
    plan.left--;
    planned = planned.filter(({ left }) => left > 0);
    return plan.fault;
  }

  function answerFault(
    fault: VendorFault,
    sent: { readonly id: string; readonly heard: Heard },
    response: ServerResponse,
  ) {
    if (fault.kind === "refuse") write(response, shape.refused(fault.code, fault.status));
    else if (fault.kind === "errorWith200") write(response, { ...shape.refused(fault.code), status: 200 });
    else if (fault.kind === "failedMessage")
      write(response, (shape.failed ?? ((_, code) => shape.refused(code)))(sent.id, fault.code));
    else if (fault.kind === "wrongSid") write(response, shape.accepted("%%%", sent.heard));
    else if (fault.kind === "throttle") {
      if (fault.retryAfter !== undefined) response.setHeader("Retry-After", fault.retryAfter);
      write(response, shape.refused(fault.code ?? "throttled", 429));
    } else {
      const { body } = shape.accepted(sent.id, sent.heard);
      misbehave(fault as Fault, body as Parameters<typeof misbehave>[1], response);
    }
  }

  function handleSend(heard: Heard, response: ServerResponse): void {
    const verdict = shape.judge(heard);
    if (!verdict.taken) {
      ledger.push({ heard, to: null, text: null, receiptUrl: undefined, outcome: verdict.outcome, id: null });
      write(response, verdict.answer);
      return;
    }
    const fault = nextFault(({ to }) => to === undefined || to === verdict.to);
    const id = shape.newId();
    const isMade = fault === null || isTaken(fault as Fault);
    const { to, text, receiptUrl } = verdict;
    ledger.push({ heard, to, text, receiptUrl, outcome: fault?.kind ?? "accepted", id: isMade ? id : null });
    if (fault === null) write(response, shape.accepted(id, heard));
    else answerFault(fault, { id, heard }, response);
  }

  const server = createServer(async (request, response) => {
    response.on("error", () => undefined);
    if (request.method !== "GET" && nextFault(({ fault }) => fault.kind === "resetBeforeBody") !== null) {
      const unread = { heard: null, to: null, text: null, receiptUrl: undefined };
      ledger.push({ ...unread, outcome: "resetBeforeBody", id: null });
      request.socket.resetAndDestroy();
      return;
    }
    try {
      const heard = await hear(request);
      if (shape.isSend(heard)) handleSend(heard, response);
      else write(response, shape.other(heard));
    } catch {
      request.socket.destroy();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ledger,
    sent: (to) => ledger.filter((entry) => entry.id !== null && (to === undefined || entry.to === to)),
    behave(fault, { to, times = Number.POSITIVE_INFINITY } = {}) {
      planned.push({ fault, to, left: times });
    },
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
