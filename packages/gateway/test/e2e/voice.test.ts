import { createGatewayClient } from "@mestore/sms-gateway-client";
import pino from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CallbackForgery, sign } from "../carrier/callbacks.ts";
import { type Carrier, startCarrier } from "../carrier/carrier.ts";
import type { LedgerEntry } from "../carrier/ledger.ts";
import { findFreePort } from "../servers/free-port.ts";
import { startGateway, type TestGateway } from "../start-gateway.ts";
import { ask, expectProblem } from "./http.ts";
import { createManualClock, type ManualClock } from "./manual-clock.ts";
import { newPhone } from "./phones.ts";
import { carrierEnv } from "./production.ts";

const MINUTE_MS = 60_000;
const LANDLINE = { kind: "refuse", code: 21614 } as const;

let carrier: Carrier;
let gateway: TestGateway;
let clock: ManualClock;
const lines: string[] = [];

const twilioEnv = () => ({
  ENVIRONMENT: "test",
  ...carrierEnv(carrier),
  TWILIO_VOICE_FROM: carrier.account.voiceFrom,
  TWILIO_WHATSAPP_FROM: carrier.account.whatsappFrom,
  TWILIO_WHATSAPP_CONTENT_SID: carrier.account.contentSid,
});

beforeAll(async () => {
  carrier = await startCarrier();
  clock = createManualClock();
  // The vendor fetches from the address that it was given, as it is.
  const port = String(await findFreePort());
  const logger = pino({ level: "trace" }, { write: (line: string) => lines.push(line) });
  const here = { PORT: port, PUBLIC_URL: `http://127.0.0.1:${port}` };
  gateway = await startGateway({ ...twilioEnv(), ...here }, { clock, logger });
});
afterAll(async () => {
  await gateway.stop();
  await carrier.close();
});

const client = () => createGatewayClient({ baseUrl: gateway.url, apiKey: gateway.apiKey });

async function verificationOf(id: string) {
  const answer = await client().getVerification(id);
  if (!answer.ok) throw new Error(answer.error.message);
  return answer.data;
}
const typesOf = async (id: string) => (await verificationOf(id)).timeline.map(({ type }) => type);

/** Starts a verification by a call and waits until the phone rings. */
async function ring(locale: "es" | "en" = "es") {
  const to = newPhone();
  const started = await client().startVerification({ to, channel: "voice", locale });
  if (!started.ok) throw new Error(started.error.message);
  await expect.poll(() => carrier.rang(to).length).toBe(1);
  const [entry] = carrier.rang(to);
  if (entry === undefined) throw new Error("no phone rang");
  return { id: started.data.id, to, entry };
}

/** Lifts the phone and listens to a script that can be run. */
async function listenTo(entry: LedgerEntry) {
  const { heard } = await carrier.answer(entry);
  if (heard === null) throw new Error("the call said nothing");
  return heard;
}

describe("a code that is called out", () => {
  it("is the one of the SMS that did not arrive, is read twice, and is approved", async () => {
    const to = newPhone();
    const started = await client().startVerification({ to, channel: "sms", fallback: ["voice"] });
    if (!started.ok) throw new Error(started.error.message);
    const { id } = started.data;
    await expect.poll(() => carrier.sent(to).length).toBe(1);
    const [sms] = carrier.sent(to);
    if (sms === undefined) throw new Error("no SMS was sent");
    await carrier.report(sms, "undelivered", { fields: { ErrorCode: "30003" } });

    await expect.poll(() => carrier.rang(to).length).toBe(1);
    const [entry] = carrier.rang(to);
    if (entry === undefined) throw new Error("no phone rang");
    const { digits, languages, silence } = await listenTo(entry);
    const code = digits.slice(0, 6);
    expect(digits).toBe(code + code);
    expect(sms.body).toContain(code);
    expect(new Set(languages)).toEqual(new Set(["es-MX"]));
    expect(silence).toBeGreaterThanOrEqual(12);
    expect(JSON.stringify(entry.params)).not.toContain(code);

    expect(await carrier.report(entry, "completed")).toBe(204);
    expect(await client().checkVerification(id, { code })).toMatchObject({ ok: true, data: { status: "approved" } });
    expect(await typesOf(id)).toEqual([
      "verification.started",
      "message.sent",
      "message.undelivered",
      "verification.fallback",
      "message.sent",
      "message.delivered",
      "verification.approved",
    ]);
  });

  it("takes over at once where the SMS is refused", async () => {
    const to = newPhone();
    carrier.behave(LANDLINE, { to, times: 1 });
    await client().startVerification({ to, channel: "sms", fallback: ["voice"] });
    await expect.poll(() => carrier.rang(to).length).toBe(1);
  });

  it("is read in the language of the person, with the minutes that are left", async () => {
    const { entry } = await ring("en");
    expect((await listenTo(entry)).says).toContain("It expires in 10 minutes.");
    clock.advance(8.5 * MINUTE_MS);
    const { says, languages } = await listenTo(entry);
    expect(says).toContain("It expires in 2 minutes.");
    expect(new Set(languages)).toEqual(new Set(["en-US"]));
  });

  it("is kept by nobody on the way, and stands in no log", async () => {
    const { entry } = await ring();
    const { headers, heard } = await carrier.answer(entry);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("content-type")).toBe("text/xml; charset=utf-8");
    const token = new URL(entry.params["Url"] ?? "").pathname.split("/").at(-1) ?? "";
    expect(lines.length).toBeGreaterThan(0);
    // Alone, since the digits of an instant hold many codes.
    const code = new RegExp(`\\b${heard?.digits.slice(0, 6)}\\b`);
    expect(lines.filter((line) => code.test(line) || line.includes(token) || line.includes("Le llamamos"))).toEqual([]);
  });

  it("is said no more once it was used, canceled or has expired", async () => {
    const [used, canceled, expired] = [await ring(), await ring(), await ring()];
    const code = (await listenTo(used.entry)).digits.slice(0, 6);
    await client().checkVerification(used.id, { code });
    await client().cancelVerification(canceled.id);
    expect(await listenTo(used.entry)).toMatchObject({ digits: "", says: [expect.stringContaining("ya venció")] });
    expect((await listenTo(canceled.entry)).digits).toBe("");
    expect((await listenTo(expired.entry)).digits).toHaveLength(12);
    clock.advance(10 * MINUTE_MS);
    expect(await listenTo(expired.entry)).toMatchObject({ digits: "", says: [expect.stringContaining("ya venció")] });
  });

  it.each([
    ["busy", "handset_unreachable"],
    ["no-answer", "handset_unreachable"],
    ["failed", "delivery_failed"],
  ])("was not heard when the call ended with %s", async (status, errorCode) => {
    const { id, entry } = await ring();
    expect(await carrier.report(entry, status)).toBe(204);
    expect((await verificationOf(id)).timeline.at(-1)).toMatchObject({
      type: "message.undelivered",
      data: { errorCode },
    });
  });
});

describe("a request for what a call says", () => {
  it.each<readonly [string, CallbackForgery]>([
    ["no signature", { signature: null }],
    ["a signature of nothing", { signature: "" }],
    ["a signature by another token", { authToken: "somebody-else" }],
    ["another account", { fields: { AccountSid: `AC${"0".repeat(32)}` } }],
    ["a field changed on the way", { changed: { CallStatus: "ringing" } }],
    ["another content type", { headers: { "content-type": "application/json" } }],
  ])("is refused with %s, and hears nothing", async (_name, forgery) => {
    const { entry } = await ring();
    const { status, heard, headers } = await carrier.answer(entry, forgery);
    expect([status, heard, headers.get("cache-control")]).toEqual([401, null, "no-store"]);
  });

  it("finds nothing at the address of another call, attempt, time or tenant", async () => {
    const [one, other] = [await ring(), await ring()];
    const [, , id = "", token = ""] = new URL(one.entry.params["Url"] ?? "").pathname.split("/");
    const [, , otherId = ""] = new URL(other.entry.params["Url"] ?? "").pathname.split("/");
    const [, until = "", tenant = "", seal = ""] = token.split(".");
    for (const forged of [
      `/voice/${otherId}/${token}`,
      `/voice/${id}/2.${until}.${tenant}.${seal}`,
      `/voice/${id}/1.${until}z.${tenant}.${seal}`,
      `/voice/${id}/1.${until}.another.${seal}`,
      `/voice/${id}/1.${until}.${tenant}.${seal.slice(0, -1)}`,
      `/voice/${id}/1`,
    ]) {
      const url = gateway.url + forged;
      const { account } = carrier;
      const params = { AccountSid: account.accountSid };
      const signature = sign(url, params, account.authToken);
      const { status, heard } = await carrier.answer(one.entry, { url, signature });
      expect([forged, status, heard]).toEqual([forged, 404, null]);
    }
  });

  it("may be a GET, and is believed for PUBLIC_URL alone", async () => {
    const { entry } = await ring();
    const { accountSid, authToken } = carrier.account;
    const url = `${entry.params["Url"]}?AccountSid=${accountSid}&CallStatus=in-progress`;
    const get = (signed: string) => fetch(url, { headers: { "x-twilio-signature": sign(signed, {}, authToken) } });
    const genuine = await get(url);
    expect([genuine.status, (await genuine.text()).includes("Le llamamos de MeStore")]).toEqual([200, true]);
    expect((await get(url.replace("127.0.0.1", "localhost"))).status).toBe(401);
    expect((await fetch(url, { method: "PUT" })).status).toBe(405);
  });
});

describe("a code by WhatsApp", () => {
  it("goes out in the approved template, and counts as delivered when it was read", async () => {
    const to = newPhone();
    const started = await client().startVerification({ to, channel: "whatsapp" });
    if (!started.ok) throw new Error(started.error.message);
    await expect.poll(() => carrier.sent(`whatsapp:${to}`).length).toBe(1);
    const [entry] = carrier.sent(`whatsapp:${to}`);
    if (entry === undefined) throw new Error("no message was sent");
    expect(await carrier.report(entry, "read")).toBe(204);
    const code: unknown = JSON.parse(entry.params["ContentVariables"] ?? "")["1"];
    expect(await client().checkVerification(started.data.id, { code: String(code) })).toMatchObject({ ok: true });
    expect(await typesOf(started.data.id)).toContain("message.delivered");
  });

  it("is a code and no notification: that fails with the reason", async () => {
    const sent = await client().sendMessage({
      to: newPhone(),
      channel: "whatsapp",
      text: "Su pedido va en camino",
      category: "transactional",
    });
    if (!sent.ok) throw new Error(sent.error.message);
    const read = async () => {
      const message = await client().getMessage(sent.data.id);
      return message.ok ? message.data : null;
    };
    await expect.poll(async () => (await read())?.state).toBe("failed");
    expect((await read())?.timeline.at(-1)).toMatchObject({
      data: { errorCode: "channel_unavailable", vendorCode: "no_template" },
    });
  });
});

describe("without PUBLIC_URL", () => {
  it("nobody calls: there is no such provider", async () => {
    const other = await startGateway(twilioEnv());
    const headers = { authorization: `Bearer ${other.apiKey}` };
    const body = { to: newPhone(), channel: "voice" };
    expectProblem(await ask(other.url, "POST /v1/verifications", { body, headers }), "channel_unavailable");
    await other.stop();
  });
});
