import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { type Carrier, startCarrier } from "../../../../test/carrier/carrier.ts";
import type { OutgoingMessage, SendResult } from "../../../domain/delivery.ts";
import type { Provider } from "../../../ports/provider.ts";
import { createTwilio } from "./messaging.ts";
import { createTwilioVoice } from "./voice.ts";
import { createTwilioWhatsapp } from "./whatsapp.ts";

/**
 * The vendor's own OpenAPI document is not part of this repository: `TWILIO_OPENAPI_FOLDER` says where it lies, or it lies
 * beside the repository.
 *
 * @see https://github.com/twilio/twilio-oai (`spec/json/twilio_api_v2010.json`)
 */
const FOLDER =
  process.env["TWILIO_OPENAPI_FOLDER"] ??
  fileURLToPath(new URL("../../../../../../../shared/data/twilio-openapi", import.meta.url));
const DOCUMENT = `${FOLDER}/api-v2010.json`;

/** As much of JSON Schema as the vendor's document uses here. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly nullable?: boolean;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

const Document = z.object({
  paths: z.record(z.string(), z.record(z.string(), z.unknown())),
  components: z.object({ schemas: z.record(z.string(), z.custom<Schema>()) }),
});
const Operation = z.object({
  requestBody: z.object({
    content: z.object({ "application/x-www-form-urlencoded": z.object({ schema: z.custom<Schema>() }) }),
  }),
  responses: z.object({
    201: z.object({
      content: z.object({
        "application/json": z.object({
          schema: z.custom<Schema>(),
          examples: z.record(z.string(), z.object({ value: z.record(z.string(), z.unknown()) })),
        }),
      }),
    }),
  }),
});

const vendor = existsSync(DOCUMENT) ? Document.parse(JSON.parse(readFileSync(DOCUMENT, "utf8"))) : null;
if (vendor === null) {
  process.stdout.write(
    "The vendor's OpenAPI document is not here: what we send is held against our own shapes alone.\n",
  );
}

function operationOf(resource: "Messages" | "Calls") {
  if (vendor === null) return null;
  const path = vendor.paths[`/2010-04-01/Accounts/{AccountSid}/${resource}.json`];
  const { requestBody, responses } = Operation.parse(path?.["post"]);
  return {
    form: requestBody.content["application/x-www-form-urlencoded"].schema,
    answer: responses[201].content["application/json"].schema,
    examples: Object.values(responses[201].content["application/json"].examples).map(({ value }) => value),
  };
}

/** What is wrong with a value, by its path; nothing when it fits. */
function problemsOf(value: unknown, given: Schema, path = ""): readonly string[] {
  const schema =
    given.$ref === undefined ? given : (vendor?.components.schemas[given.$ref.split("/").at(-1) ?? ""] ?? {});
  if (value === null) return schema.nullable === true ? [] : [`${path} is null`];
  const { properties, required = [], items, type, pattern } = schema;
  if (type === "object" && properties !== undefined) {
    const entries = Object.entries(value as object);
    const missing = required.filter((name) => !entries.some(([known]) => known === name));
    return [
      ...missing.map((name) => `${path}.${name} is missing`),
      ...entries.flatMap(([name, inner]) => {
        const found = properties[name];
        return found === undefined ? [`${path}.${name} is unknown`] : problemsOf(inner, found, `${path}.${name}`);
      }),
    ];
  }
  if (type === "array" && items !== undefined) {
    return (value as readonly unknown[]).flatMap((inner, at) => problemsOf(inner, items, `${path}[${at}]`));
  }
  const isNumber = type === "integer" || type === "number";
  const wanted = isNumber ? "number" : type;
  if (wanted !== undefined && typeof value !== wanted) return [`${path} is no ${type}`];
  if (schema.enum !== undefined && !schema.enum.includes(String(value))) return [`${path} is none of its values`];
  return pattern === undefined || new RegExp(pattern).test(String(value)) ? [] : [`${path} does not match ${pattern}`];
}

/** A form has texts alone: takes those for what the document says they are. */
function fromForm(
  form: Readonly<Record<string, string>>,
  { properties = {} }: Schema,
): Readonly<Record<string, unknown>> {
  const read = (name: string, text: string): unknown => {
    const type = properties[name]?.type;
    if (type === "integer") return /^-?\d+$/.test(text) ? Number(text) : text;
    if (type === "boolean") return text === "true" || (text === "false" ? false : text);
    return type === "array" ? [text] : text;
  };
  return Object.fromEntries(Object.entries(form).map(([name, text]) => [name, read(name, text)]));
}

const Number164 = z.string().regex(/^\+[1-9]\d{6,14}$/);
const Seconds = z.string().regex(/^[1-9]\d{0,4}$/);
const Life = { ValidityPeriod: Seconds, StatusCallback: z.url() };

/** What we send, by what we mean to send: no parameter more, and none less. */
const OURS = {
  sms: z.strictObject({ To: Number164, From: Number164, Body: z.string().min(1).max(1_600), ...Life }),
  service: z.strictObject({
    ...{ To: Number164, MessagingServiceSid: z.string().regex(/^MG[0-9a-f]{32}$/), Body: z.string().min(1).max(1_600) },
    ...Life,
  }),
  whatsapp: z.strictObject({
    To: z.string().regex(/^whatsapp:\+\d+$/),
    From: z.string().regex(/^whatsapp:\+\d+$/),
    ContentSid: z.string().regex(/^HX[0-9a-f]{32}$/),
    ContentVariables: z.string().regex(/^\{"1":"\d{4,10}"\}$/),
    ...Life,
  }),
  voice: z.strictObject({
    ...{
      To: Number164,
      From: Number164,
      Url: z.url(),
      Method: z.literal("POST"),
      Timeout: Seconds,
      TimeLimit: Seconds,
    },
    ...{ StatusCallback: z.url(), StatusCallbackEvent: z.literal("completed") },
  }),
} as const;

type Kind = keyof typeof OURS;
const KINDS = Object.keys(OURS) as readonly Kind[];
const RESOURCE: Readonly<Record<Kind, "Messages" | "Calls">> = {
  sms: "Messages",
  service: "Messages",
  whatsapp: "Messages",
  voice: "Calls",
};

const message = (kind: Kind): OutgoingMessage => ({
  id: "msg_1",
  lane: "otp",
  channel: kind === "service" ? "sms" : kind,
  country: "CO",
  to: "+573001234567",
  text: "MeStore: 123456 es tu clave. Vence en 10 min. No la compartas.",
  code: "123456",
  deliverBefore: Date.now() + 600_000,
  callBefore: Number.MAX_SAFE_INTEGER,
  receiptUrl: "https://sms.example/receipts/twilio/msg_1/1.x.y",
  scriptUrl: "https://sms.example/voice/msg_1/1.x.default.y",
});

function providersOn({ account, url: apiBaseUrl }: Pick<Carrier, "account" | "url">): Readonly<Record<Kind, Provider>> {
  const { accountSid, authToken, messagingServiceSid, contentSid } = account;
  const known = { accountSid, authToken, apiBaseUrl, clock: { now: Date.now, sleep: async () => undefined } };
  return {
    sms: createTwilio({ ...known, sender: { from: [account.from] } }),
    service: createTwilio({ ...known, sender: { messagingServiceSid } }),
    whatsapp: createTwilioWhatsapp({ ...known, from: account.whatsappFrom, contentSid }),
    voice: createTwilioVoice({ ...known, from: account.voiceFrom }),
  };
}

/** Answers every POST with one body, as the vendor's document has it. */
async function startAnswering(body: unknown) {
  const server = createServer((request, response) => {
    request.resume();
    request.once("end", () =>
      response.writeHead(201, { "content-type": "application/json" }).end(JSON.stringify(body)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe("what Twilio gets from us", () => {
  const signal = new AbortController().signal;
  let carrier: Carrier;
  let providers: Readonly<Record<Kind, Provider>>;
  beforeAll(async () => {
    carrier = await startCarrier();
    providers = providersOn(carrier);
  });
  afterAll(async () => {
    for (const provider of Object.values(providers)) await provider.close?.();
    await carrier.close();
  });

  const formOf = async (kind: Kind): Promise<Readonly<Record<string, string>>> => {
    expect(await providers[kind].send(message(kind), signal)).toMatchObject({ outcome: "accepted" });
    return carrier.ledger.at(-1)?.params ?? {};
  };

  it.each(KINDS)("is what we mean to send, and what the vendor's document allows: %s", async (kind) => {
    const form = await formOf(kind);
    expect(OURS[kind].safeParse(form).error).toBeUndefined();
    const operation = operationOf(RESOURCE[kind]);
    if (operation !== null) expect(problemsOf(fromForm(form, operation.form), operation.form)).toEqual([]);
  });

  it.each(["Messages", "Calls"] as const)("is answered by the local carrier as by the vendor: %s", async (resource) => {
    const { accountSid, authToken, from, voiceFrom } = carrier.account;
    const params = {
      Messages: { From: from, Body: "Hola" },
      Calls: { From: voiceFrom, Url: "https://sms.example/voice" },
    };
    const response = await fetch(`${carrier.url}/2010-04-01/Accounts/${accountSid}/${resource}.json`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa(`${accountSid}:${authToken}`)}` },
      body: new URLSearchParams({ To: "+573001234567", ...params[resource] }),
    });
    const body: unknown = await response.json();
    expect(body).toMatchObject({ account_sid: accountSid, status: "queued", to: "+573001234567" });
    const operation = operationOf(resource);
    if (operation !== null) expect(problemsOf(body, operation.answer)).toEqual([]);
  });

  /** Answers in our own hand, for where the vendor's are not. */
  const OWN_ANSWERS = {
    Messages: [
      { sid: `SM${"a".repeat(32)}`, status: "queued" },
      { sid: `MM${"a".repeat(32)}`, status: "accepted" },
    ],
    Calls: [{ sid: `CA${"a".repeat(32)}`, status: "queued" }],
  };

  it.each(KINDS)("is accepted when the vendor says so in any way that its document shows: %s", async (kind) => {
    const resource = RESOURCE[kind];
    for (const answer of [...OWN_ANSWERS[resource], ...(operationOf(resource)?.examples ?? [])]) {
      const answering = await startAnswering(answer);
      const provider = providersOn({ account: carrier.account, url: answering.url })[kind];
      const result: SendResult = await provider.send(message(kind), signal);
      expect(result).toMatchObject({ outcome: "accepted", providerMessageId: answer["sid"] });
      await provider.close?.();
      await answering.close();
    }
  });

  it("would be found out: a validation that passes everything proves nothing", () => {
    const schema: Schema = {
      type: "object",
      required: ["To"],
      properties: { To: { type: "string", pattern: "^\\+" }, Timeout: { type: "integer" }, Method: { enum: ["POST"] } },
    };
    expect(problemsOf(fromForm({ To: "+57", Timeout: "25", Method: "POST" }, schema), schema)).toEqual([]);
    expect(problemsOf(fromForm({ Timeout: "soon", Method: "PUT", Body: "x" }, schema), schema)).toEqual([
      ".To is missing",
      ".Timeout is no integer",
      ".Method is none of its values",
      ".Body is unknown",
    ]);
  });
});
