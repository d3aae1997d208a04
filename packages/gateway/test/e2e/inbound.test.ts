import { createGatewayClient } from "@mestore/sms-gateway-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sign } from "../carrier/callbacks.ts";
import { type Carrier, startCarrier } from "../carrier/carrier.ts";
import { startGateway, type TestGateway } from "../start-gateway.ts";
import { ask, expectProblem } from "./http.ts";
import { newPhone } from "./phones.ts";
import { carrierEnv } from "./production.ts";

const PUBLIC_URL = "https://sms.example";

let carrier: Carrier;
let gateway: TestGateway;
beforeAll(async () => {
  carrier = await startCarrier();
  gateway = await startGateway({ ENVIRONMENT: "test", ...carrierEnv(carrier), PUBLIC_URL });
});
afterAll(async () => {
  await gateway.stop();
  await carrier.close();
});

const client = () => createGatewayClient({ baseUrl: gateway.url, apiKey: gateway.apiKey });

/** What the vendor posts when somebody writes to our number. */
async function write(from: string, text: string, token = carrier.account.authToken) {
  const fields = {
    ...{ AccountSid: carrier.account.accountSid, MessageSid: `SM${"0".repeat(32)}` },
    ...{ From: from, To: carrier.account.from, Body: text },
  };
  const signature = sign(`${PUBLIC_URL}/inbound/twilio`, fields, token);
  const response = await fetch(`${gateway.url}/inbound/twilio`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", "x-twilio-signature": signature },
    body: new URLSearchParams(fields),
  });
  return { status: response.status, type: response.headers.get("content-type"), text: await response.text() };
}

const sendTo = (to: string) =>
  ask(gateway.url, "POST /v1/verifications", {
    body: { to, channel: "sms" },
    headers: { authorization: `Bearer ${gateway.apiKey}` },
  });

describe("a person who writes STOP", () => {
  it("gets no more messages until START, and no answer of ours", async () => {
    const to = newPhone();
    const stopped = await write(to, "Salir");
    expect(stopped).toMatchObject({ status: 200, type: expect.stringContaining("text/xml") });
    expect(stopped.text).toContain("<Response/>");
    expectProblem(await sendTo(to), "opted_out");
    const notification = await client().sendMessage({ to, category: "transactional", text: "Hola" });
    expect(notification).toMatchObject({ ok: false, error: { code: "opted_out" } });
    expect(carrier.sent(to)).toEqual([]);
    await write(to, "START");
    expect((await sendTo(to)).status).toBe(201);
  });

  it("is believed with the signature of the vendor alone", async () => {
    const to = newPhone();
    expect((await write(to, "STOP", "somebody-else")).status).toBe(401);
    expect((await sendTo(to)).status).toBe(201);
  });

  it("is not taken for somebody who writes a sentence", async () => {
    const to = newPhone();
    expect((await write(to, "no me dejen salir")).status).toBe(200);
    expect((await sendTo(to)).status).toBe(201);
  });

  it("has no address at a provider that brings no messages", async () => {
    expectProblem(await ask(gateway.url, "POST /inbound/nobody"), "not_found");
  });
});

describe("an operator", () => {
  it("lists, adds and removes who wants no messages", async () => {
    const to = newPhone();
    expect(await client().addOptOut(to, { category: "transactional" })).toMatchObject({
      ok: true,
      data: { phone: to, category: "transactional", source: "operator" },
    });
    expect(await client().listOptOuts({ phone: to })).toMatchObject({ ok: true, data: { optOuts: [{ phone: to }] } });
    expect(await client().sendMessage({ to, category: "transactional", text: "Hola" })).toMatchObject({ ok: false });
    expect(await client().sendMessage({ to, category: "security", text: "Hola" })).toMatchObject({ ok: true });
    expect(await client().removeOptOut(to)).toMatchObject({ ok: true });
    expect(await client().removeOptOut(to)).toMatchObject({ ok: false, error: { code: "not_found" } });
    expect(await client().sendMessage({ to, category: "transactional", text: "Hola" })).toMatchObject({ ok: true });
  });
});
