import { createGatewayClient } from "@mestore/sms-gateway-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CallbackForgery } from "../carrier/callbacks.ts";
import { type Carrier, startCarrier } from "../carrier/carrier.ts";
import type { LedgerEntry } from "../carrier/ledger.ts";
import { startGateway, type TestGateway } from "../start-gateway.ts";
import { createManualClock, type ManualClock } from "./manual-clock.ts";
import { newPhone } from "./phones.ts";
import { carrierEnv } from "./production.ts";

const PUBLIC_URL = "https://sms.example";
const DAY_MS = 86_400_000;

let carrier: Carrier;
let gateway: TestGateway;
let clock: ManualClock;

beforeAll(async () => {
  carrier = await startCarrier();
  clock = createManualClock();
  gateway = await startGateway({ ENVIRONMENT: "test", ...carrierEnv(carrier), PUBLIC_URL }, { clock });
});
afterAll(async () => {
  await gateway.stop();
  await carrier.close();
});

const client = () => createGatewayClient({ baseUrl: gateway.url, apiKey: gateway.apiKey });

/** Sends a notification and waits until the carrier has it. */
async function sendOne() {
  const to = newPhone();
  const sent = await client().sendMessage({ to, text: "Su pedido va en camino", category: "transactional" });
  if (!sent.ok) throw new Error(sent.error.message);
  const { id } = sent.data;
  await expect.poll(() => stateOf(id)).toBe("sent");
  const [entry] = carrier.sent(to);
  if (entry === undefined) throw new Error("the carrier has no such message");
  return { id, to, entry };
}

async function messageOf(id: string) {
  const answer = await client().getMessage(id);
  if (!answer.ok) throw new Error(answer.error.message);
  return answer.data;
}
const stateOf = async (id: string) => (await messageOf(id)).state;
const typesOf = async (id: string) => (await messageOf(id)).timeline.map(({ type }) => type);

const callbackOf = (entry: LedgerEntry): string => entry.params["StatusCallback"] ?? "";
/** What the proxy in front of the gateway makes of an address. */
const inside = (url: string): string => url.replace(PUBLIC_URL, gateway.url);

const report = (entry: LedgerEntry, status: string, forgery: CallbackForgery = {}) =>
  carrier.report(entry, status, { url: inside(callbackOf(entry)), ...forgery });

describe("a delivery receipt of the vendor", () => {
  it("is asked for at an address of the message alone, and moves it", async () => {
    const { id, entry } = await sendOne();
    expect(callbackOf(entry)).toMatch(new RegExp(`^${PUBLIC_URL}/receipts/twilio/${id}/1\\.[0-9a-z]+\\.[\\w-]{22}$`));
    expect(await report(entry, "delivered")).toBe(204);
    expect(await stateOf(id)).toBe("delivered");
  });

  it("says why a message was not delivered, in the words of the contract", async () => {
    const { id, entry } = await sendOne();
    expect(await report(entry, "undelivered", { fields: { ErrorCode: "30003" } })).toBe(204);
    expect(await messageOf(id)).toMatchObject({ state: "undelivered", errorCode: "handset_unreachable" });
    expect((await messageOf(id)).timeline.at(-1)).toMatchObject({
      type: "message.undelivered",
      data: { errorCode: "handset_unreachable", vendorCode: "30003" },
    });
  });

  it("may come in any order, many times and with fields that nobody knows", async () => {
    const { id, entry } = await sendOne();
    const fields = { Fancy: "ñ & %", RawDlrDoneDate: "2611251200" };
    for (const status of ["delivered", "sent", "queued", "undelivered", "failed", "delivered", "accepted"]) {
      expect(await report(entry, status, { fields })).toBe(204);
    }
    await Promise.all(Array.from({ length: 200 }, () => report(entry, "delivered")));
    expect(await stateOf(id)).toBe("delivered");
    expect(await typesOf(id)).toEqual(["message.queued", "message.sent", "message.delivered"]);
  });

  it.each<readonly [string, CallbackForgery]>([
    ["no signature", { signature: null }],
    ["a signature of nothing", { signature: "" }],
    ["a signature by another token", { authToken: "somebody-else" }],
    ["another account", { fields: { AccountSid: `AC${"0".repeat(32)}` } }],
    ["a status changed on the way", { changed: { MessageStatus: "undelivered" } }],
    ["a field added on the way", { changed: { Extra: "1" } }],
    ["another content type", { headers: { "content-type": "application/json" } }],
  ])("is refused with %s, and changes nothing", async (_name, forgery) => {
    const { id, entry } = await sendOne();
    expect(await report(entry, "delivered", forgery)).toBe(401);
    expect(await stateOf(id)).toBe("sent");
  });

  it("is believed for what PUBLIC_URL says and not for what Host and X-Forwarded-* say", async () => {
    const { id, entry } = await sendOne();
    const forged = "https://evil.example";
    const url = inside(callbackOf(entry));
    const lie = { "x-forwarded-proto": "https", "x-forwarded-host": "evil.example" };
    const { sign } = await import("../carrier/callbacks.ts");
    const fields = { AccountSid: carrier.account.accountSid, MessageSid: entry.sid ?? "", MessageStatus: "delivered" };
    const signature = sign(callbackOf(entry).replace(PUBLIC_URL, forged), fields, carrier.account.authToken);
    expect(await report(entry, "delivered", { url, headers: lie, signature })).toBe(401);
    expect(await stateOf(id)).toBe("sent");
  });

  it("does not exist at the address of another message, attempt, provider or time", async () => {
    const [one, other] = [await sendOne(), await sendOne()];
    const path = new URL(callbackOf(one.entry)).pathname;
    const [, , , , token = ""] = path.split("/");
    const [, until = "", seal = ""] = token.split(".");
    for (const forged of [
      `/receipts/twilio/${other.id}/${token}`,
      `/receipts/smtp/${one.id}/${token}`,
      `/receipts/nobody/${one.id}/${token}`,
      `/receipts/twilio/${one.id}/2.${until}.${seal}`,
      `/receipts/twilio/${one.id}/1.${until}z.${seal}`,
      `/receipts/twilio/${one.id}/1.${until}.${seal.slice(0, -1)}`,
      `/receipts/twilio/${one.id}/1`,
    ]) {
      expect([forged, await report(one.entry, "delivered", { url: gateway.url + forged })]).toEqual([forged, 404]);
    }
    expect(await stateOf(one.id)).toBe("sent");
  });

  it("comes too late after seven days", async () => {
    const { id, entry } = await sendOne();
    clock.advance(7 * DAY_MS - 60_000);
    expect(await report(entry, "queued")).toBe(204);
    clock.advance(60_001);
    expect(await report(entry, "delivered")).toBe(404);
    expect(await stateOf(id)).toBe("sent");
  });

  it("is taken with GET by nobody", async () => {
    const { entry } = await sendOne();
    expect((await fetch(inside(callbackOf(entry)))).status).toBe(405);
  });
});
