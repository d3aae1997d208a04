import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Carrier, startCarrier } from "./carrier.ts";
import { listen } from "./twiml.ts";

describe("local carrier", () => {
  const signal = new AbortController().signal;
  let carrier: Carrier;
  beforeEach(async () => {
    carrier = await startCarrier();
  });
  afterEach(() => carrier.close());

  const postTo = async (
    resource: "Messages" | "Calls",
    params: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ) => {
    const { accountSid, authToken } = carrier.account;
    const response = await fetch(`${carrier.url}/2010-04-01/Accounts/${accountSid}/${resource}.json`, {
      method: "POST",
      headers: { Authorization: `Basic ${btoa(`${accountSid}:${authToken}`)}`, ...headers },
      body: new URLSearchParams(params),
      signal,
    });
    return { status: response.status, body: (await response.json()) as Readonly<Record<string, unknown>> };
  };
  const post = (params: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>> = {}) =>
    postTo("Messages", params, headers);
  const good = () => ({ To: "+573001234567", From: carrier.account.from, Body: "Hola" });

  it("answers in the vendor's shape", async () => {
    const { status, body } = await post(good());
    expect(status).toBe(201);
    expect(body).toMatchObject({ status: "queued", num_segments: "1", error_code: null, to: "+573001234567" });
    expect(body.sid).toBe(carrier.sent()[0]?.sid);
  });

  it.each<readonly [string, Readonly<Record<string, string>>, number]>([
    ["no number", { To: "" }, 21604],
    ["a number without +", { To: "573001234567" }, 21211],
    ["spaces in a number", { To: "+57 300 1234567" }, 21211],
    ["a sender of somebody else", { From: "+573009999999" }, 21606],
    ["a sender that is no number", { From: "MeStore" }, 21212],
    ["another messaging service", { MessagingServiceSid: "MG1" }, 21705],
    ["no text", { Body: "" }, 21602],
    ["1601 characters", { Body: "x".repeat(1_601) }, 21617],
    ["no life", { ValidityPeriod: "0" }, 90007],
    ["too much life", { ValidityPeriod: "36001" }, 90007],
    ["half a second of life", { ValidityPeriod: "1.5" }, 90007],
    ["an unknown parameter", { body: "Hola" }, 20001],
    ["a callback that is no address", { StatusCallback: "/receipts" }, 21609],
  ])("refuses %s", async (_name, params, code) => {
    expect(await post({ ...good(), ...params })).toMatchObject({ status: 400, body: { status: 400, code } });
    expect(carrier.ledger).toMatchObject([{ outcome: String(code), sid: null }]);
    expect(carrier.sent()).toEqual([]);
  });

  it("takes 1600 characters and the longest life", async () => {
    expect(await post({ ...good(), Body: "ñ".repeat(1_600), ValidityPeriod: "36000" })).toMatchObject({ status: 201 });
  });

  it("refuses wrong credentials and other media types", async () => {
    expect(await post(good(), { Authorization: "Basic x" })).toMatchObject({ status: 401, body: { code: 20003 } });
    expect(await post(good(), { "Content-Type": "application/json" })).toMatchObject({ status: 415 });
  });

  it("misbehaves for one number, so many times, and heals", async () => {
    carrier.behave({ kind: "refuse", code: 21610 }, { to: "+573001234567", times: 1 });
    carrier.behave({ kind: "throttle", retryAfter: "7" }, { to: "+573007654321" });
    expect(await post(good())).toMatchObject({ body: { code: 21610 } });
    expect(await post(good())).toMatchObject({ status: 201 });
    expect(await post({ ...good(), To: "+573007654321" })).toMatchObject({ status: 429 });
    carrier.heal();
    expect(await post({ ...good(), To: "+573007654321" })).toMatchObject({ status: 201 });
    expect(carrier.ledger.map(({ outcome }) => outcome)).toEqual(["refuse", "accepted", "throttle", "accepted"]);
  });

  const toWhatsapp = () => ({
    To: "whatsapp:+573001234567",
    From: `whatsapp:${carrier.account.whatsappFrom}`,
    ContentSid: carrier.account.contentSid,
    ContentVariables: '{"1":"123456"}',
  });

  it("takes a code for WhatsApp in the template of its sender", async () => {
    expect(await post(toWhatsapp())).toMatchObject({ status: 201, body: { to: "whatsapp:+573001234567" } });
  });

  it.each<readonly [string, Readonly<Record<string, string>>, number]>([
    ["to a number without +", { To: "whatsapp:573001234567" }, 21211],
    ["from a sender of SMS", { From: "whatsapp:+15005550006" }, 63007],
    ["in a template of somebody else", { ContentSid: `HX${"0".repeat(32)}` }, 21655],
    ["without a code", { ContentVariables: "{}" }, 21656],
    ["with an empty code", { ContentVariables: '{"1":""}' }, 21656],
    ["with more than a code", { ContentVariables: '{"1":"1","2":"x"}' }, 21656],
    ["with broken JSON", { ContentVariables: "{1:1}" }, 21656],
  ])("refuses a message for WhatsApp %s", async (_name, params, code) => {
    expect(await post({ ...toWhatsapp(), ...params })).toMatchObject({ status: 400, body: { code } });
  });

  it("refuses words of our own for WhatsApp", async () => {
    const { ContentSid: _sid, ContentVariables: _variables, ...others } = toWhatsapp();
    expect(await post({ ...others, Body: "Hola" })).toMatchObject({ status: 400, body: { code: 63016 } });
  });

  const aCall = () => ({ To: "+573001234567", From: carrier.account.voiceFrom, Url: "https://sms.example/voice/1" });

  it("lets a phone ring, and answers in the vendor's shape", async () => {
    const { status, body } = await postTo("Calls", { ...aCall(), StatusCallbackEvent: "completed", Timeout: "25" });
    expect(status).toBe(201);
    expect(body).toMatchObject({ status: "queued", direction: "outbound-api", sid: expect.stringMatching(/^CA/) });
    expect(carrier.rang("+573001234567")).toHaveLength(1);
  });

  it.each<readonly [string, Readonly<Record<string, string>>, number]>([
    ["no number", { To: "" }, 21201],
    ["a number without +", { To: "573001234567" }, 21211],
    ["no caller", { From: "" }, 21213],
    ["a caller of somebody else", { From: "+13105550199" }, 21210],
    ["an address that is none", { Url: "/voice" }, 21205],
    ["an event that is none", { StatusCallbackEvent: "busy" }, 21626],
    ["eleven minutes of ringing", { Timeout: "660" }, 20001],
    ["an unknown parameter", { Body: "Hola" }, 20001],
  ])("refuses a call with %s", async (_name, params, code) => {
    expect(await postTo("Calls", { ...aCall(), ...params })).toMatchObject({ status: 400, body: { code } });
    expect(carrier.rang()).toEqual([]);
  });

  it("refuses a call that says nothing, and one with wrong credentials", async () => {
    const { Url: _url, ...silent } = aCall();
    expect(await postTo("Calls", silent)).toMatchObject({ status: 400, body: { code: 21205 } });
    expect(await postTo("Calls", aCall(), { Authorization: "Basic x" })).toMatchObject({ status: 401 });
  });
});

describe("what a call says", () => {
  const HEAD = '<?xml version="1.0" encoding="UTF-8"?>';

  it("is heard in order until it hangs up", () => {
    const document = `${HEAD}<Response><Pause length="2"/><Say language="es-MX" voice="Polly.Mia">Hola &amp; adiós</Say><Say>4</Say><Pause/><Hangup/><Say>5</Say></Response>`;
    expect(listen(document)).toEqual({
      says: ["Hola & adiós", "4"],
      digits: "4",
      languages: ["es-MX", "en-US"],
      silence: 3,
    });
  });

  it.each([
    ["no XML", "hello"],
    ["a verb that is not here", `${HEAD}<Response><Play>x</Play></Response>`],
    ["markup in a text", `${HEAD}<Response><Say>a<b/></Say></Response>`],
    ["an unknown entity", `${HEAD}<Response><Say>&nbsp;</Say></Response>`],
    ["no end", `${HEAD}<Response><Say>a</Say>`],
  ])("cannot be run with %s", (_name, document) => {
    expect(() => listen(document)).toThrow();
  });
});
