import { createGatewayClient, type GatewayClient } from "@mestore/sms-gateway-client";
import {
  SCOPES,
  WebhookDelivery,
  WebhookDeliveryPage,
  WebhookList,
  WebhookPayload,
  Webhook as WebhookShape,
  WebhookWithSecret,
} from "@mestore/sms-gateway-contract";
import { Webhook } from "standardwebhooks";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startGateway, type TestGateway } from "../start-gateway.ts";
import { type Received, startWebhookReceiver, type WebhookReceiver } from "../webhook-receiver.ts";
import { ask, expectProblem, expectShape } from "./http.ts";
import { newPhone, wrongCode } from "./phones.ts";

let gateway: TestGateway;
let client: GatewayClient;
let stranger: GatewayClient;
let receiver: WebhookReceiver;

beforeAll(async () => {
  gateway = await startGateway({ WEBHOOK_ALLOW_PRIVATE: "true", OTP_COOLDOWN_SECONDS: "0" });
  client = createGatewayClient({ baseUrl: gateway.url, apiKey: gateway.apiKey });
  const { secret } = await gateway.running.gateway.keys.create({ name: "other", scopes: SCOPES, tenant: "other" });
  stranger = createGatewayClient({ baseUrl: gateway.url, apiKey: secret });
  receiver = await startWebhookReceiver();
});
afterAll(async () => {
  await gateway.stop();
  await receiver.stop();
});
afterEach(async () => {
  receiver.answer(204);
  for (const { id } of dataOf(await client.webhooks.list()).webhooks) await client.webhooks.remove(id);
});

function dataOf<Data>(answer: { readonly ok: true; readonly data: Data } | { readonly ok: false }): Data {
  if (!answer.ok) throw new Error(`the call failed: ${JSON.stringify(answer)}`);
  return answer.data;
}

const add = async (events: string[] = []) => dataOf(await client.webhooks.add({ url: receiver.url, events }));

/** What an endpoint believes: the published library has verified it. */
const verified = (secret: string, { headers, body }: Received): WebhookPayload =>
  WebhookPayload.parse(new Webhook(secret).verify(body, headers as Record<string, string>));

const about = (id: string): readonly Received[] => receiver.received.filter(({ body }) => body.includes(id));

describe("webhooks", () => {
  it("tell the whole story of a verification, signed, without code and without number", async () => {
    const { secret } = await add();
    const to = newPhone();
    const { id } = dataOf(await client.startVerification({ to, channel: "sms" }));
    const code = dataOf(await client.inbox.wait({ to, timeout: 5 })).code ?? "";
    await client.checkVerification(id, { code: wrongCode(code) });
    await client.checkVerification(id, { code });
    const types = () => about(id).map((received) => verified(secret, received).type);
    const expected = [
      ...["message.delivered", "message.sent"],
      ...["verification.approved", "verification.guess_incorrect", "verification.started"],
    ];
    await expect.poll(() => [...types()].sort(), { timeout: 10_000 }).toEqual(expected);

    const payloads = about(id).map((received) => verified(secret, received));
    const approved = payloads.find(({ type }) => type === "verification.approved");
    expect(approved?.data).toMatchObject({ id, verificationId: id, status: "approved", channel: "sms" });
    for (const { body, headers } of about(id)) {
      expect(body).not.toContain(code);
      expect(body).not.toContain(to.slice(-10));
      expect(headers["webhook-id"]).toMatch(/^whd_/);
    }
    expect(new Set(about(id).map(({ headers }) => headers["webhook-id"])).size).toBe(expected.length);
  });

  it("are shaped by the contract, and their secret is shown once", async () => {
    const added = await client.webhooks.add({ url: receiver.url, events: ["message"], description: "Tienda" });
    expect(added.status).toBe(201);
    const { secret, ...webhook } = expectShape(WebhookWithSecret, dataOf(added));
    expect(webhook).toMatchObject({ url: receiver.url, events: ["message"], description: "Tienda", enabled: true });
    const list = expectShape(WebhookList, dataOf(await client.webhooks.list()));
    expect(list.webhooks).toEqual([webhook]);
    expect(JSON.stringify(list)).not.toContain(secret);
    expect(dataOf(await stranger.webhooks.list()).webhooks).toEqual([]);
    const changed = dataOf(await client.webhooks.change(webhook.id, { enabled: false, events: [] }));
    expect(expectShape(WebhookShape, changed)).toMatchObject({
      enabled: false,
      disabledReason: "operator",
      events: [],
    });
    const rotated = expectShape(WebhookWithSecret, dataOf(await client.webhooks.rotate(webhook.id)));
    expect(rotated.secret).not.toBe(secret);
    for (const id of [webhook.id, "whk_none"]) {
      expect(await stranger.webhooks.remove(id)).toMatchObject({ status: 404, error: { code: "not_found" } });
      expect(await stranger.webhooks.rotate(id)).toMatchObject({ status: 404 });
      expect(await stranger.webhooks.test(id)).toMatchObject({ status: 404 });
      expect(await stranger.webhooks.deliveries(id)).toMatchObject({ status: 404 });
      expect(await stranger.webhooks.change(id, { enabled: true })).toMatchObject({ status: 404 });
    }
    expect(await client.webhooks.remove(webhook.id)).toMatchObject({ ok: true, status: 204 });
  });

  it("are tested at once, and the log says what became of it", async () => {
    const { id, secret } = await add();
    const tested = expectShape(WebhookDelivery, dataOf(await client.webhooks.test(id)));
    expect(tested).toMatchObject({
      ...{ webhookId: id, eventId: null, type: "webhook.test", state: "delivered", attempts: 1 },
      ...{ responseStatus: 204, error: null, nextAttemptAt: null, durationMs: expect.any(Number) },
    });
    const [received] = about(id);
    if (received === undefined) throw new Error("no test came");
    expect(verified(secret, received)).toMatchObject({ type: "webhook.test", data: { id } });
    receiver.answer(503);
    expect(dataOf(await client.webhooks.test(id))).toMatchObject({ state: "failed", responseStatus: 503 });
    const page = expectShape(WebhookDeliveryPage, dataOf(await client.webhooks.deliveries(id, { state: "failed" })));
    expect(page).toMatchObject({ deliveries: [{ type: "webhook.test", error: "status_refused" }], next: null });
  });

  it("try again, and are sent again when asked", async () => {
    const { id } = await add(["message.queued"]);
    receiver.answer(500);
    const message = dataOf(
      await client.sendMessage({ to: newPhone(), category: "transactional", text: "Su pedido va en camino" }),
    );
    const log = async () => dataOf(await client.webhooks.deliveries(id)).deliveries;
    await expect.poll(log).toMatchObject([{ state: "pending", attempts: 1, responseStatus: 500 }]);
    const [waiting] = await log();
    expect(Date.parse(waiting?.nextAttemptAt ?? "")).toBeGreaterThan(Date.parse(waiting?.updatedAt ?? ""));
    receiver.answer(204);
    const replayed = await client.webhooks.replay(waiting?.id ?? "");
    expect(replayed).toMatchObject({ status: 202, data: { id: waiting?.id, state: "pending" } });
    await expect.poll(log).toMatchObject([{ state: "delivered", attempts: 2, responseStatus: 204 }]);
    const posts = about(message.id);
    expect(posts).toHaveLength(2);
    expect(posts[0]?.body).toBe(posts[1]?.body);
    expect(posts[0]?.headers["webhook-id"]).toBe(posts[1]?.headers["webhook-id"]);
    expect(await stranger.webhooks.replay(waiting?.id ?? "")).toMatchObject({ status: 404 });
  });

  it("end where an endpoint says that it is gone, and the feed says so", async () => {
    const { id } = await add();
    receiver.answer(410);
    await client.sendMessage({ to: newPhone(), category: "transactional", text: "Su pedido va en camino" });
    const state = async () => dataOf(await client.webhooks.list()).webhooks[0];
    await expect.poll(state).toMatchObject({ enabled: false, disabledReason: "gone" });
    const stop = new AbortController();
    const reasons: unknown[] = [];
    for await (const answer of client.events({ after: 0, signal: stop.signal })) {
      const event = dataOf(answer);
      if (event.type !== "webhook.disabled" || event.data["webhookId"] !== id) continue;
      reasons.push(event.data["reason"]);
      stop.abort();
    }
    expect(reasons).toEqual(["gone"]);
  });

  it.each([
    [{ url: "ftp://shop.example/" }],
    [{ url: "http://user:pass@shop.example/" }],
    [{ url: "shop.example" }],
    [{ url: "https://shop.example/", events: ["billing"] }],
    [{ url: "https://shop.example/", secret: "whsec_mine" }],
  ])("refuse %j", async (body) => {
    const headers = { authorization: `Bearer ${gateway.apiKey}` };
    expectProblem(await ask(gateway.url, "POST /v1/webhooks", { body, headers }), "fields_invalid");
  });

  it("stay outside unless a laptop says otherwise", async () => {
    const guarded = await startGateway();
    try {
      const own = createGatewayClient({ baseUrl: guarded.url, apiKey: guarded.apiKey });
      expect(await own.webhooks.add({ url: receiver.url })).toMatchObject({ error: { code: "fields_invalid" } });
      const before = receiver.received.length;
      const { port } = new URL(receiver.url);
      const { id } = dataOf(await own.webhooks.add({ url: `http://localhost:${port}/` }));
      expect(dataOf(await own.webhooks.test(id))).toMatchObject({ state: "failed", error: "address_blocked" });
      expect(receiver.received).toHaveLength(before);
    } finally {
      await guarded.stop();
    }
  });
});
