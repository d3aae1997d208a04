import type { OutgoingMessage, SendResult } from "../../../domain/delivery.ts";
import { senderProblem } from "../../../domain/sender.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { AccountCheck, Provider } from "../../../ports/provider.ts";
import { type Call, createCaller } from "../wire/caller.ts";
import { toCatalogue } from "../wire/catalogue.ts";
import type { Exchange } from "../wire/exchange.ts";
import { toFailure, toRefusal } from "../wire/failure.ts";
import { toVendorCode } from "../wire/reading.ts";
import type { HttpDefinition } from "./definition.ts";
import { readHttpReceipt } from "./receipts.ts";
import { encodeForUrl, fill, fillBody, parseJson, textAt, toForm, type Values } from "./template.ts";

const MEDIA_TYPES = { json: "application/json", form: "application/x-www-form-urlencoded" } as const;
const MAX_ID_CHARS = 128;

export interface HttpSettings {
  readonly definition: HttpDefinition;
  readonly clock: Clock;
}

/** SMS through any aggregator that is asked over HTTP; a file says how. */
export function createHttp({ definition, clock }: HttpSettings): Provider {
  const { from, receipts, success } = definition;
  const caller = createCaller(definition.timeoutMs);
  const errors = toCatalogue(
    Object.entries(definition.errors).map(([code, { class: kind, userError, change, es, en }]) => {
      const known = toVendorCode(code) ?? code;
      return [known, kind, userError, change, { es, en }];
    }),
  );

  /** What the answer is, when its status says that all is well. */
  const readAnswer = (message: OutgoingMessage, answer: string): SendResult => {
    const json = parseJson(answer);
    const vendorCode = codeIn(json);
    if (success.path !== undefined && success.equals !== undefined) {
      const said = textAt(json, success.path);
      if (said === undefined) return { outcome: "unknown" };
      if (!success.equals.includes(said)) return toRefusal(errors, vendorCode ?? toVendorCode(said) ?? "refused");
    }
    const providerMessageId = idIn(message, answer);
    if (providerMessageId !== undefined) return { outcome: "accepted", providerMessageId, sender: from ?? null };
    return vendorCode !== undefined && errors.has(vendorCode) ? toRefusal(errors, vendorCode) : { outcome: "unknown" };
  };

  const codeIn = (json: unknown): string | undefined =>
    definition.errorCode === undefined ? undefined : toVendorCode(textAt(json, definition.errorCode));

  const idIn = ({ id }: OutgoingMessage, answer: string): string | undefined => {
    const { messageId } = definition;
    if (messageId === undefined) return id;
    const { path, pattern } = messageId;
    const found = path === undefined ? new RegExp(pattern ?? "").exec(answer)?.[1] : textAt(parseJson(answer), path);
    return found === undefined || found === "" || found.length > MAX_ID_CHARS ? undefined : found;
  };

  const readExchange = (message: OutgoingMessage, exchange: Exchange): SendResult => {
    if (exchange.answered && success.statuses.includes(exchange.status)) return readAnswer(message, exchange.body);
    const vendorCode = exchange.answered ? codeIn(parseJson(exchange.body)) : undefined;
    const isPlainRefusal = exchange.answered && exchange.status < 300 && vendorCode !== undefined;
    if (isPlainRefusal) return toRefusal(errors, vendorCode);
    return toFailure(exchange, { catalogue: errors, vendorCode, now: clock.now() });
  };

  return {
    id: "http",
    channel: "sms",
    simulated: false,
    send: async (message, signal) => readExchange(message, await caller.call(toCall(definition, message), signal)),
    problemWith: ({ country }) => (from === undefined ? null : senderProblem(from, country)),
    ...(receipts === undefined ? {} : { readReceipt: async (callback) => readHttpReceipt(callback, receipts, errors) }),
    explain: (vendorCode) => errors.get(vendorCode) ?? null,
    check: async (signal) => {
      const { check } = definition;
      if (check === undefined) return { ok: true, detail: "the file of HTTP_PROVIDER_FILE names no check" };
      const { method, url, headers, statuses } = check;
      return describe(await caller.call({ method, url, headers }, signal), statuses);
    },
    close: caller.close,
  };
}

/** Writes the request. What goes into JSON or a form is escaped by what writes them, and not by us. */
function toCall({ request, numbers, from }: HttpDefinition, message: OutgoingMessage): Call {
  const write = (number: string): string => (numbers === "digits" ? number.replace(/^\+/, "") : number);
  const values: Values = {
    to: write(message.to),
    from: from === undefined ? undefined : write(from),
    text: message.text,
    id: message.id,
    receiptUrl: message.receiptUrl,
  };
  const { method, url, format } = request;
  const headers = Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), fill(value, values)]);
  const call = { method, url: fill(url, values, encodeForUrl) };
  if (request.body === undefined) return { ...call, headers: Object.fromEntries(headers) };
  const filled = fillBody(request.body, values) as Readonly<Record<string, unknown>>;
  return {
    ...call,
    headers: { "content-type": MEDIA_TYPES[format], ...Object.fromEntries(headers) },
    body: format === "json" ? JSON.stringify(filled) : toForm(filled),
  };
}

/** One line for an operator. */
function describe(exchange: Exchange, statuses: readonly number[]): AccountCheck {
  if (!exchange.answered) return { ok: false, detail: "the API does not answer" };
  return { ok: statuses.includes(exchange.status), detail: `the API answers ${exchange.status}` };
}
