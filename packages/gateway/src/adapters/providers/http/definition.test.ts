import { describe, expect, it } from "vitest";
import { parseHttpDefinition } from "./definition.ts";

type Fields = Record<string, unknown>;

const REQUEST = { url: "https://a.example/send", body: { to: "{{to}}", text: "{{text}}" } };
const RECEIPTS = { header: { name: "x-key", secret: "0123456789abcdef" }, state: "s", states: { a: "sent" } };

const problemsOf = (over: Fields): readonly string[] => {
  const parsed = parseHttpDefinition(JSON.stringify({ request: REQUEST, ...over }));
  return parsed.ok ? [] : parsed.problems;
};

const withBody = (body: Fields): Fields => ({ request: { ...REQUEST, body: { ...REQUEST.body, ...body } } });

describe("the file of HTTP_PROVIDER_FILE", () => {
  it("needs no more than a request that says whom and what", () => {
    const parsed = parseHttpDefinition(JSON.stringify({ request: REQUEST }));
    expect(parsed).toMatchObject({
      ok: true,
      definition: {
        ...{ numbers: "e164", errors: {}, success: { statuses: [200, 201, 202] } },
        request: { method: "POST", format: "json", headers: {} },
      },
    });
  });

  it.each<readonly [string, Fields]>([
    ["the file: Unrecognized key", { requests: {} }],
    ["request: says {{text}} nowhere", { request: { ...REQUEST, body: { to: "{{to}}" } } }],
    [
      "request.body.from: knows only {{to}}, {{from}}, {{text}}, {{id}}, {{receiptUrl}}",
      withBody({ from: "{{sender}}" }),
    ],
    ["request.body.sms: has {{ that begins none of", withBody({ sms: [{ a: "{{ }}" }] })],
    ["from: is missing; the request says {{from}}", withBody({ from: "{{from}}" })],
    ["receipts: and {{receiptUrl}} in the request go together", withBody({ cb: "{{receiptUrl}}" })],
    ["receipts: and {{receiptUrl}} in the request go together", { receipts: RECEIPTS }],
    ["request.url: must be an http:// or https:// address", { request: { ...REQUEST, url: "ftp://a.example" } }],
    ["request.url: must be an http:// or https:// address", { request: { ...REQUEST, url: "https://u:p@a.example" } }],
    ["request.headers.x: knows only {{id}} here", { request: { ...REQUEST, headers: { x: "{{text}}" } } }],
    ["request.headers.x: must be one line", { request: { ...REQUEST, headers: { x: "a\nb: c" } } }],
    ["request.body: must be flat", { request: { ...REQUEST, format: "form", body: { ...REQUEST.body, a: {} } } }],
    ["request.body: has no place in a GET", { request: { ...REQUEST, method: "GET" } }],
    ["success: needs path and equals, or neither", { success: { path: "a" } }],
    ["success.path: must be a path", { success: { path: "a..b", equals: [1] } }],
    ["messageId: needs either path or pattern", { messageId: {} }],
    ["messageId.pattern: must be a regular expression with one group", { messageId: { pattern: "ID:(" } }],
    ["messageId.pattern: must be a regular expression with one group", { messageId: { pattern: "ID:.*" } }],
    ["errors.E1.class: ", { errors: { E1: { class: "bad", es: "a", en: "b" } } }],
    [
      "errors.E1: must not name provider in change",
      { errors: { E1: { class: "blocked", change: ["provider"], es: "a", en: "b" } } },
    ],
    [
      "receipts: needs either header or hmac",
      { ...withBody({ cb: "{{receiptUrl}}" }), receipts: { state: "s", states: { a: "sent" } } },
    ],
    [
      "receipts.header.secret: must have at least 16 characters",
      { ...withBody({ cb: "{{receiptUrl}}" }), receipts: { ...RECEIPTS, header: { name: "x", secret: "short" } } },
    ],
    [
      "receipts.states: names no state",
      { ...withBody({ cb: "{{receiptUrl}}" }), receipts: { ...RECEIPTS, states: {} } },
    ],
  ])("says %s", (problem, over) => {
    expect(problemsOf(over).join("\n")).toContain(problem);
  });

  it("says what is no JSON, and never a value", () => {
    expect(parseHttpDefinition("{ request: }")).toEqual({ ok: false, problems: ["is not JSON"] });
    const canary = { request: { ...REQUEST, method: "canary", url: "canary", headers: { x: "canary\n" } }, from: 7 };
    const problems = problemsOf({ ...canary, receipts: { ...RECEIPTS, header: { name: "x", secret: "canary" } } });
    expect(problems.length).toBeGreaterThan(3);
    expect(problems.join()).not.toContain("canary");
  });
});
