import type {
  ChangeOptOut,
  ChangePause,
  CheckedVerification,
  CheckVerification,
  Contact,
  FindRoute,
  GatewayEvent,
  GatewayStatus,
  InboxMessage as InboxMessageShape,
  InboxPage as InboxPageShape,
  LintTemplate,
  MagicNumberList as MagicNumberListShape,
  Message,
  MessagePage,
  MessageState,
  MessageWithTimeline,
  NumberLimits,
  OptOut,
  OptOutList,
  PauseList as PauseListShape,
  PutContact,
  Route,
  SendMessage,
  StartedVerification,
  StartVerification,
  TemplateReport,
  Verification,
  VerificationWithTimeline,
} from "@mestore/sms-gateway-contract";
import { type Answer, ownFailure } from "./answer.ts";
import { readEventStream } from "./event-stream.ts";
import {
  type ApiRequest,
  type CallOptions,
  type ConnectionOptions,
  createTransport,
  type Transport,
} from "./transport.ts";
import { createWebhookClient, type WebhookClient } from "./webhook-client.ts";

export type InboxMessage = ReturnType<typeof InboxMessageShape.parse>;
export type InboxPage = ReturnType<typeof InboxPageShape.parse>;
export type MagicNumberList = ReturnType<typeof MagicNumberListShape.parse>;
export type PauseList = ReturnType<typeof PauseListShape.parse>;

export interface GatewayClientOptions extends ConnectionOptions {
  /** `sk_…`; absent only where the gateway asks for none, such as the inbox on a developer's machine. */
  readonly apiKey?: string;
}

export interface SendOptions extends CallOptions {
  /** The same key with the same body is sent once, and answered the same, for 24 hours. */
  readonly idempotencyKey?: string;
  /** Whole seconds to wait for what the carrier says, at most 10; when it says nothing in time, the message is still `sending`. */
  readonly waitSeconds?: number;
}

export interface MessageFilter {
  readonly to?: string;
  readonly state?: MessageState;
  /** 1 to 200, 50 when absent. */
  readonly limit?: number;
  /** `next` of the page before. */
  readonly cursor?: string;
}

export interface EventFilter extends CallOptions {
  /** The `id` of the last event already read; without it only what happens from now on. */
  readonly after?: number;
}

export interface InboxFilter {
  readonly to?: string;
  /** Only messages after this `seq`. */
  readonly after?: number;
  /** 1 to 200, 50 when absent. */
  readonly limit?: number;
}

export interface InboxWait {
  readonly to: string;
  /** Only messages after this `seq`; without it the newest one counts. */
  readonly after?: number;
  /** Seconds, at most 30; 10 when absent. */
  readonly timeout?: number;
}

/** The simulated carrier's inbox; in production every call answers 404. */
export interface InboxClient {
  list(filter?: InboxFilter, options?: CallOptions): Promise<Answer<InboxPage>>;
  /** Waits for a message to this address; `not_found` when none came in time. */
  wait(wait: InboxWait, options?: CallOptions): Promise<Answer<InboxMessage>>;
  clear(options?: CallOptions): Promise<Answer<null>>;
  magicNumbers(options?: CallOptions): Promise<Answer<MagicNumberList>>;
}

/** One method for each route of the gateway API, `/v1`. */
export interface GatewayClient {
  startVerification(body: StartVerification, options?: SendOptions): Promise<Answer<StartedVerification>>;
  getVerification(id: string, options?: CallOptions): Promise<Answer<VerificationWithTimeline>>;
  checkVerification(id: string, body: CheckVerification, options?: CallOptions): Promise<Answer<CheckedVerification>>;
  cancelVerification(id: string, options?: CallOptions): Promise<Answer<Verification>>;
  sendMessage(body: SendMessage, options?: SendOptions): Promise<Answer<Message>>;
  listMessages(filter?: MessageFilter, options?: CallOptions): Promise<Answer<MessagePage>>;
  getMessage(id: string, options?: CallOptions): Promise<Answer<MessageWithTimeline>>;
  getLimits(phone: string, options?: CallOptions): Promise<Answer<NumberLimits>>;
  resetLimits(phone: string, options?: CallOptions): Promise<Answer<null>>;
  putContact(sub: string, body: PutContact, options?: CallOptions): Promise<Answer<Contact>>;
  getContact(sub: string, options?: CallOptions): Promise<Answer<Contact>>;
  deleteContact(sub: string, options?: CallOptions): Promise<Answer<null>>;
  lintTemplate(body: LintTemplate, options?: CallOptions): Promise<Answer<TemplateReport>>;
  listOptOuts(
    filter?: { readonly phone?: string; readonly limit?: number },
    options?: CallOptions,
  ): Promise<Answer<OptOutList>>;
  /** Sends a number no more messages; without a category, none at all. */
  addOptOut(phone: string, change?: ChangeOptOut, options?: CallOptions): Promise<Answer<OptOut>>;
  removeOptOut(phone: string, change?: ChangeOptOut, options?: CallOptions): Promise<Answer<null>>;
  /** Which provider would be called for an address now, and why. */
  findRoute(destination: FindRoute, options?: CallOptions): Promise<Answer<Route>>;
  status(options?: CallOptions): Promise<Answer<GatewayStatus>>;
  /** Follows the gateway's events until the loop is left. A failure is the last item; go on with `after`. */
  events(filter?: EventFilter): AsyncIterable<Answer<GatewayEvent>>;
  listPauses(options?: CallOptions): Promise<Answer<PauseList>>;
  /** Stops sending; without lane or country, all of it. */
  pause(change?: ChangePause, options?: CallOptions): Promise<Answer<PauseList>>;
  resume(change?: ChangePause, options?: CallOptions): Promise<Answer<PauseList>>;
  readonly webhooks: WebhookClient;
  readonly inbox: InboxClient;
}

const DEFAULT_INBOX_WAIT_SECONDS = 10;
const MS_PER_SECOND = 1_000;

const sendHeaders = ({ idempotencyKey, waitSeconds }: SendOptions) => ({
  "idempotency-key": idempotencyKey,
  prefer: waitSeconds === undefined ? undefined : `wait=${waitSeconds}`,
});

async function* follow(
  transport: Transport,
  request: ApiRequest,
): AsyncGenerator<Answer<GatewayEvent>, void, undefined> {
  const opened = await transport.open(request);
  if (!opened.ok) {
    yield opened;
    return;
  }
  try {
    for await (const data of readEventStream(opened.data)) {
      yield { ok: true, status: opened.status, data: JSON.parse(data) as GatewayEvent };
    }
  } catch (error) {
    if (request.signal?.aborted) return;
    yield ownFailure(error instanceof SyntaxError ? "unexpected_answer" : "network_error", transport.locale);
  }
}

/** Speaks the gateway API, for servers. */
export function createGatewayClient(options: GatewayClientOptions): GatewayClient {
  const { apiKey: bearer } = options;
  const transport = createTransport(options);

  const call = <Data>(request: ApiRequest, { signal }: CallOptions = {}) =>
    transport.call<Data>({ ...request, bearer, signal });
  const send = <Data>(path: string, body: unknown, sendOptions: SendOptions = {}) =>
    call<Data>(
      {
        method: "POST",
        path,
        body,
        headers: sendHeaders(sendOptions),
        waitMs: (sendOptions.waitSeconds ?? 0) * MS_PER_SECOND,
      },
      sendOptions,
    );

  const verification = (id: string) => `/v1/verifications/${encodeURIComponent(id)}`;
  const limits = (phone: string) => `/v1/limits/${encodeURIComponent(phone)}`;
  const optOut = (phone: string) => `/v1/opt-outs/${encodeURIComponent(phone)}`;
  const contact = (sub: string) => `/v1/contacts/${encodeURIComponent(sub)}`;

  return {
    startVerification: (body, sendOptions) => send("/v1/verifications", body, sendOptions),
    getVerification: (id, callOptions) => call({ method: "GET", path: verification(id) }, callOptions),
    checkVerification: (id, body, callOptions) =>
      call({ method: "POST", path: `${verification(id)}/check`, body }, callOptions),
    cancelVerification: (id, callOptions) => call({ method: "POST", path: `${verification(id)}/cancel` }, callOptions),

    sendMessage: (body, sendOptions) => send("/v1/messages", body, sendOptions),
    listMessages: (filter = {}, callOptions) =>
      call({ method: "GET", path: "/v1/messages", query: { ...filter } }, callOptions),
    getMessage: (id, callOptions) =>
      call({ method: "GET", path: `/v1/messages/${encodeURIComponent(id)}` }, callOptions),

    getLimits: (phone, callOptions) => call({ method: "GET", path: limits(phone) }, callOptions),
    resetLimits: (phone, callOptions) => call({ method: "DELETE", path: limits(phone) }, callOptions),

    putContact: (sub, body, callOptions) => call({ method: "PUT", path: contact(sub), body }, callOptions),
    getContact: (sub, callOptions) => call({ method: "GET", path: contact(sub) }, callOptions),
    deleteContact: (sub, callOptions) => call({ method: "DELETE", path: contact(sub) }, callOptions),

    lintTemplate: (body, callOptions) => call({ method: "POST", path: "/v1/templates/lint", body }, callOptions),
    listOptOuts: (filter = {}, callOptions) =>
      call({ method: "GET", path: "/v1/opt-outs", query: { ...filter } }, callOptions),
    addOptOut: (phone, change = {}, callOptions) =>
      call({ method: "PUT", path: optOut(phone), body: change }, callOptions),
    removeOptOut: (phone, change = {}, callOptions) =>
      call({ method: "DELETE", path: optOut(phone), body: change }, callOptions),
    findRoute: (destination, callOptions) =>
      call({ method: "GET", path: "/v1/route", query: { ...destination } }, callOptions),
    status: (callOptions) => call({ method: "GET", path: "/v1/status" }, callOptions),
    events: ({ after, signal } = {}) =>
      follow(transport, { method: "GET", path: "/v1/events", query: { after }, bearer, signal }),

    listPauses: (callOptions) => call({ method: "GET", path: "/v1/pauses" }, callOptions),
    pause: (change = {}, callOptions) => call({ method: "PUT", path: "/v1/pauses", body: change }, callOptions),
    resume: (change = {}, callOptions) => call({ method: "DELETE", path: "/v1/pauses", body: change }, callOptions),

    webhooks: createWebhookClient(call),

    inbox: {
      list: (filter = {}, callOptions) => call({ method: "GET", path: "/v1/inbox", query: { ...filter } }, callOptions),
      wait: (wait, callOptions) =>
        call(
          {
            method: "GET",
            path: "/v1/inbox/wait",
            query: { ...wait },
            waitMs: (wait.timeout ?? DEFAULT_INBOX_WAIT_SECONDS) * MS_PER_SECOND,
          },
          callOptions,
        ),
      clear: (callOptions) => call({ method: "DELETE", path: "/v1/inbox" }, callOptions),
      magicNumbers: (callOptions) => call({ method: "GET", path: "/v1/inbox/magic-numbers" }, callOptions),
    },
  };
}
