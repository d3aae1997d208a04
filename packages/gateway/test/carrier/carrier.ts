import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type CallbackForgery, isCall, postCallback } from "./callbacks.ts";
import { type Answered, answerPhone, refusePhoneCall, toPhoneCall } from "./calls.ts";
import { type Fault, isTaken, misbehave } from "./faults.ts";
import type { LedgerEntry } from "./ledger.ts";
import { type Call, type CarrierAccount, type Refusal, refuseCall, refuseMessage } from "./rules.ts";
import { answer, readCall, refuse, toMessage } from "./wire.ts";

export interface FaultScope {
  /** Only messages to this number; all of them otherwise. */
  readonly to?: string;
  /** So many calls, then well again; until `heal` otherwise. */
  readonly times?: number;
}

export interface Carrier {
  readonly url: string;
  readonly account: CarrierAccount;
  /** Calls to `POST …/Messages.json` and `POST …/Calls.json`, oldest first. */
  readonly ledger: readonly LedgerEntry[];
  /** What was really sent: the calls that made a message, or let a phone ring. */
  sent(to?: string): readonly LedgerEntry[];
  /** The phones that rang. */
  rang(to?: string): readonly LedgerEntry[];
  /** Lifts a phone that rang: fetches what to say, signed, and listens. */
  answer(entry: LedgerEntry, forgery?: CallbackForgery): Promise<Answered>;
  behave(fault: Fault, scope?: FaultScope): void;
  /** Posts what became of a message to its `StatusCallback`, signed, and gives the HTTP status of the answer. */
  report(entry: LedgerEntry, status: string, forgery?: CallbackForgery): Promise<number>;
  heal(): void;
  close(): Promise<void>;
}

interface PlannedFault {
  readonly fault: Fault;
  readonly to: string | undefined;
  left: number;
}

/** What may be made with a POST. */
interface Kind {
  readonly path: string;
  /** Of its sids. */
  readonly prefix: string;
  refuse(call: Call, params: URLSearchParams, account: CarrierAccount): Refusal | null;
  write(sid: string, params: URLSearchParams, account: CarrierAccount): Readonly<Record<string, unknown>>;
}

const KINDS: readonly Kind[] = [
  { path: "/Messages.json", prefix: "SM", refuse: refuseMessage, write: toMessage },
  { path: "/Calls.json", prefix: "CA", refuse: refusePhoneCall, write: toPhoneCall },
];

interface Incoming {
  readonly call: Call;
  readonly refused: Refusal | null;
  readonly response: ServerResponse;
}

/**
 * Starts an HTTP server on loopback in the shape of Twilio's APIs for messages and calls, which parses what arrives, refuses what the
 * vendor would refuse, keeps a ledger of every call and misbehaves on demand.
 *
 * @see https://www.twilio.com/docs/messaging/api/message-resource
 * @see https://www.twilio.com/docs/voice/api/call-resource
 */
export async function startCarrier(given: Partial<CarrierAccount> & { readonly port?: number } = {}): Promise<Carrier> {
  const { port = 0, ...known } = given;
  const account: CarrierAccount = {
    accountSid: `AC${"0123456789abcdef".repeat(2)}`,
    authToken: "a-token-of-the-local-carrier",
    from: "+15005550006",
    messagingServiceSid: `MG${"0123456789abcdef".repeat(2)}`,
    voiceFrom: "+15005550006",
    whatsappFrom: "+13105550142",
    contentSid: `HX${"0123456789abcdef".repeat(2)}`,
    status: "active",
    ...known,
  };
  const ledger: LedgerEntry[] = [];
  let planned: PlannedFault[] = [];

  function nextFault(fits: (plan: PlannedFault) => boolean): Fault | null {
    const plan = planned.find(fits);
    if (plan === undefined) return null;
    plan.left--;
    planned = planned.filter(({ left }) => left > 0);
    return plan.fault;
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const kind = request.method === "POST" ? KINDS.find(({ path }) => request.url?.endsWith(path)) : undefined;
    if (kind !== undefined && nextFault(({ fault }) => fault.kind === "resetBeforeBody") !== null) {
      record(new URLSearchParams(), "resetBeforeBody", null);
      request.socket.resetAndDestroy();
      return;
    }
    const call = await readCall(request);
    const refused = refuseCall(call, account);
    const isAccount = call.method === "GET" && call.path === `/2010-04-01/Accounts/${account.accountSid}.json`;
    if (kind !== undefined) make(kind, { call, refused, response });
    else if (refused !== null) refuse(response, refused);
    else if (isAccount) answer(response, 200, { sid: account.accountSid, status: account.status, type: "Full" });
    else refuse(response, { status: 404, code: 20404, message: "The requested resource was not found" });
  }

  function make(kind: Kind, { call, refused: refusedCall, response }: Incoming): void {
    const params = new URLSearchParams(call.body);
    const refused = refusedCall ?? kind.refuse(call, params, account);
    if (refused !== null) {
      record(params, String(refused.code), null);
      refuse(response, refused);
      return;
    }
    const to = params.get("To");
    const fault = nextFault((plan) => plan.to === undefined || plan.to === to);
    const sid = kind.prefix + randomBytes(16).toString("hex");
    record(params, fault?.kind ?? "accepted", fault === null || isTaken(fault) ? sid : null);
    const resource = kind.write(sid, params, account);
    if (fault === null) answer(response, 201, resource);
    else misbehave(fault, resource, response);
  }

  function record(params: URLSearchParams, outcome: string, sid: string | null): void {
    const all = Object.fromEntries(params);
    ledger.push({ at: Date.now(), to: all.To ?? null, body: all.Body ?? null, params: all, outcome, sid });
  }

  const server = createServer((request, response) => {
    response.on("error", () => undefined);
    handle(request, response).catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });

  const sent = (to?: string): readonly LedgerEntry[] =>
    ledger.filter((entry) => entry.sid !== null && (to === undefined || entry.to === to));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    account,
    ledger,
    sent,
    rang: (to) => sent(to).filter(isCall),
    answer: (entry, forgery = {}) => answerPhone(account, entry, forgery),
    behave(fault, { to, times = Number.POSITIVE_INFINITY } = {}) {
      planned.push({ fault, to, left: times });
    },
    report: (entry, status, forgery = {}) => postCallback(account, { entry, status }, forgery),
    heal() {
      planned = [];
    },
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
