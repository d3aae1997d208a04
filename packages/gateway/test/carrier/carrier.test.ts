import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Carrier, startCarrier } from "./carrier.ts";

describe("local carrier", () => {
  const signal = new AbortController().signal;
  let carrier: Carrier;
  beforeEach(async () => {
    carrier = await startCarrier();
  });
  afterEach(() => carrier.close());

  const post = async (params: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>> = {}) => {
    const { accountSid, authToken } = carrier.account;
    const response = await fetch(`${carrier.url}/2010-04-01/Accounts/${accountSid}/Messages.json`, {
      method: "POST",
      headers: { Authorization: `Basic ${btoa(`${accountSid}:${authToken}`)}`, ...headers },
      body: new URLSearchParams(params),
      signal,
    });
    return { status: response.status, body: (await response.json()) as Readonly<Record<string, unknown>> };
  };
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
});
