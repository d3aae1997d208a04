import { z } from "zod";
import type { Receipt, RejectionCode } from "../../../domain/delivery.ts";
import type { FailureClass } from "../../../domain/vendor-error.ts";
import { namesIn, PLACEHOLDERS } from "./template.ts";

/** Texts that people may read of an SMS. */
const USER_ERRORS = [
  ...(["phone_invalid", "phone_landline", "country_not_allowed", "opted_out", "number_unreachable"] as const),
  ...([
    "number_inactive",
    "handset_unreachable",
    "message_blocked",
    "message_filtered",
    "destination_blocked",
  ] as const),
  ...(["channel_unavailable", "carrier_congested", "delivery_failed"] as const),
] as const satisfies readonly RejectionCode[];
const CLASSES = ["number", "config", "blocked", "transient", "unknown"] as const satisfies readonly FailureClass[];
const STATES = ["sent", "delivered", "undelivered"] as const satisfies readonly Receipt["state"][];

const MIN_SECRET_CHARS = 16;
const KNOWN_PLACEHOLDERS = PLACEHOLDERS.map((name) => `{{${name}}}`).join(", ");

/** What is wrong with the placeholders of a text; null when nothing is. */
function templateProblem(text: string, known: readonly string[] = PLACEHOLDERS): string | null {
  const names = namesIn(text);
  if (names.some((name) => !known.includes(name))) {
    return known === PLACEHOLDERS ? `knows only ${KNOWN_PLACEHOLDERS}` : "knows only {{id}} here";
  }
  const braces = text.split("{{").length - 1;
  return braces === names.length ? null : `has {{ that begins none of ${KNOWN_PLACEHOLDERS}`;
}

const template = (known?: readonly string[]) =>
  z.string().superRefine((text, context) => {
    const message = templateProblem(text, known);
    if (message !== null) context.addIssue({ code: "custom", message });
  });

const isAddress = (text: string): boolean => {
  const url = URL.parse(text.replace(/\{\{\s*\w+\s*\}\}/g, "x"));
  return url !== null && /^https?:$/.test(url.protocol) && url.username + url.password + url.hash === "";
};
const ADDRESS = "must be an http:// or https:// address without user or fragment";

const HEADER_NAME = z.string().regex(/^[A-Za-z0-9-]{1,60}$/, "must be names of headers");
const HEADER_VALUE = template(["id"]).refine((text) => !/[\r\n\0]/.test(text), "must be one line");
const headers = z.record(HEADER_NAME, HEADER_VALUE).default({});

const path = z
  .string()
  .regex(/^(\$\.?)?([\w-]+|\[\d+\])((\.[\w-]+)|\[\d+\])*$/, "must be a path such as data.messages[0].id");

const isPattern = (text: string): boolean => {
  try {
    return new RegExp(`${text}|`).exec("")?.length === 2;
  } catch {
    return false;
  }
};

/** Every text within a body. */
const textsIn = (body: unknown): readonly string[] => {
  if (typeof body === "string") return [body];
  return typeof body === "object" && body !== null ? Object.values(body).flatMap(textsIn) : [];
};

const body = z.record(z.string(), z.unknown()).superRefine((fields, context) => {
  for (const [name, value] of Object.entries(fields)) {
    const message = textsIn(value)
      .map((text) => templateProblem(text))
      .find((problem) => problem !== null);
    if (message !== undefined && message !== null) context.addIssue({ code: "custom", message, path: [name] });
  }
});

const Request = z
  .strictObject({
    method: z.enum(["POST", "PUT", "GET"]).default("POST"),
    /** Placeholders are percent-encoded. */
    url: template().refine(isAddress, ADDRESS),
    /** Only `{{id}}` may stand in a header. */
    headers,
    format: z.enum(["json", "form"]).default("json"),
    /** Absent for everything in the address. */
    body: body.optional(),
  })
  .superRefine((request, context) => {
    const { method, format } = request;
    const issue = (message: string) => context.addIssue({ code: "custom", message, path: ["body"] });
    if (method === "GET" && request.body !== undefined) issue("has no place in a GET");
    const isFlat = Object.values(request.body ?? {}).every((value) => typeof value !== "object");
    if (format === "form" && !isFlat) issue("must be flat: a form has no objects and no lists");
  });

const Success = z
  .strictObject({
    statuses: z.array(z.int().min(200).max(299)).min(1).default([200, 201, 202]),
    /** Where the answer says so as well, and what it says then; compared as text. */
    path: path.optional(),
    equals: z
      .array(z.union([z.string(), z.number(), z.boolean()]).transform(String))
      .min(1)
      .optional(),
  })
  .refine(
    (success) => (success.path === undefined) === (success.equals === undefined),
    "needs path and equals, or neither",
  );

const MessageId = z
  .strictObject({
    path: path.optional(),
    /** A regular expression with one group, over the whole answer. */
    pattern: z.string().refine(isPattern, "must be a regular expression with one group").optional(),
  })
  .refine(({ path, pattern }) => (path === undefined) !== (pattern === undefined), "needs either path or pattern");

const VendorErrorEntry = z
  .strictObject({
    class: z.enum(CLASSES),
    userError: z.enum(USER_ERRORS).default("delivery_failed"),
    change: z.array(z.enum(["sender", "provider", "channel"])).default([]),
    es: z.string().min(1),
    en: z.string().min(1),
  })
  .refine(
    ({ class: kind, change }) => !(["number", "blocked"].includes(kind) && change.includes("provider")),
    "must not name provider in change: another one would only repeat what the person or the number refuses",
  );

const secret = z.string().min(MIN_SECRET_CHARS, `must have at least ${MIN_SECRET_CHARS} characters`);

const Receipts = z
  .strictObject({
    /** A header whose whole value is a secret. */
    header: z.strictObject({ name: HEADER_NAME, secret }).optional(),
    /** A header with HMAC-SHA256 over the body. */
    hmac: z
      .strictObject({
        name: HEADER_NAME,
        secret,
        encoding: z.enum(["hex", "base64"]).default("hex"),
        /** What stands before it, such as `sha256=`. */
        prefix: z.string().default(""),
      })
      .optional(),
    format: z.enum(["json", "form"]).default("json"),
    messageId: path.optional(),
    state: path,
    /** The vendor's states that mean something here; the others are taken and change nothing. */
    states: z.record(z.string(), z.enum(STATES)).refine((states) => Object.keys(states).length > 0, "names no state"),
    errorCode: path.optional(),
    price: z.strictObject({ amount: path, currency: z.string().regex(/^[A-Z]{3}$/, "must be ISO 4217") }).optional(),
  })
  .refine(({ header, hmac }) => (header === undefined) !== (hmac === undefined), "needs either header or hmac");

const Check = z.strictObject({
  method: z.enum(["GET", "POST"]).default("GET"),
  url: z.string().refine(isAddress, ADDRESS),
  headers,
  statuses: z.array(z.int().min(200).max(299)).min(1).default([200]),
});

const ERROR_CODE = z.string().regex(/^[A-Za-z0-9_-]{1,20}$/, "must be codes of at most 20 letters, digits, _ and -");

/** The file that `HTTP_PROVIDER_FILE` names: how an aggregator of SMS wants to be asked, and what its answers mean. */
export const HttpDefinition = z
  .strictObject({
    /** What `{{from}}` is: a number in E.164, a short code or a sender name. */
    from: z.string().min(1).optional(),
    /** How `{{to}}` and `{{from}}` write a number: with its `+`, or without. */
    numbers: z.enum(["e164", "digits"]).default("e164"),
    timeoutMs: z.int().min(500).max(30_000).optional(),
    request: Request,
    success: Success.prefault({}),
    /** Without it our own id stands for the vendor's. */
    messageId: MessageId.optional(),
    errorCode: path.optional(),
    errors: z.record(ERROR_CODE, VendorErrorEntry).default({}),
    receipts: Receipts.optional(),
    /** What `status` and `doctor` ask. */
    check: Check.optional(),
  })
  .superRefine(({ from, request, receipts }, context) => {
    const names = [request.url, ...textsIn(request.body)].flatMap(namesIn);
    const issue = (name: string, message: string) => context.addIssue({ code: "custom", message, path: [name] });
    for (const name of ["to", "text"]) if (!names.includes(name)) issue("request", `says {{${name}}} nowhere`);
    if (names.includes("from") && from === undefined) issue("from", "is missing; the request says {{from}}");
    if (names.includes("receiptUrl") !== (receipts !== undefined)) {
      issue("receipts", "and {{receiptUrl}} in the request go together, or neither is there");
    }
  });

type Frozen<T> = T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;

export type HttpDefinition = Frozen<z.output<typeof HttpDefinition>>;

/** What keeps a text from being such a file, a line for each place; never a value. */
export type ParsedDefinition =
  | { readonly ok: true; readonly definition: HttpDefinition }
  | { readonly ok: false; readonly problems: readonly string[] };

export function parseHttpDefinition(text: string): ParsedDefinition {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { ok: false, problems: ["is not JSON"] };
  }
  const parsed = HttpDefinition.safeParse(json);
  if (parsed.success) return { ok: true, definition: parsed.data };
  const problems = parsed.error.issues.map(
    ({ path, message }) => `${path.length === 0 ? "the file" : path.join(".")}: ${message}`,
  );
  return { ok: false, problems };
}
