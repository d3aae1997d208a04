import type { WebhookDelivery, WebhookWithSecret } from "@mestore/sms-gateway-contract";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../run-cli.ts";
import { startGateway, type TestGateway } from "../start-gateway.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../webhook-receiver.ts";

let gateway: TestGateway;
let receiver: WebhookReceiver;

beforeAll(async () => {
  gateway = await startGateway({ WEBHOOK_ALLOW_PRIVATE: "true" });
  receiver = await startWebhookReceiver();
});
afterAll(async () => {
  await gateway.stop();
  await receiver.stop();
});

const cli = (...args: readonly string[]) =>
  runCli(["webhooks", ...args], {
    env: { GATEWAY_URL: gateway.url, GATEWAY_KEY: gateway.apiKey },
    cwd: gateway.folder,
  });

describe("sms-gateway webhooks", () => {
  it("registers an endpoint and shows its secret once", async () => {
    const events = ["--events", "verification.approved, message", "--description", "Tienda"];
    const added = await cli("add", receiver.url, ...events);
    expect(added).toMatchObject({ exitCode: 0, out: expect.stringMatching(/whsec_[\w+/]{43}=/) });
    const listed = await cli("list");
    expect(listed.out).toMatch(/whk_\w+ .*verification\.approved,message +on/);
    expect(listed.out).not.toContain("whsec_");
    const [webhook] = (await cli("list", "--json")).json<{ webhooks: { id: string }[] }>().webhooks;
    const id = webhook?.id ?? "";
    expect((await cli("rotate", id)).out).toContain("whsec_");
    expect((await cli("disable", id)).out).toMatch(/state +off \(operator\)/);
    expect((await cli("enable", id)).out).toMatch(/state +on/);
    expect(await cli("remove", id)).toMatchObject({ exitCode: 0, out: `${id} is removed` });
    expect((await cli("list")).out).toContain("webhooks add");
  });

  it("tests an endpoint, shows its log and sends again", async () => {
    const { id } = (await cli("add", receiver.url, "--json")).json<WebhookWithSecret>();
    expect(await cli("test", id)).toMatchObject({
      exitCode: 0,
      out: expect.stringMatching(/webhook\.test +delivered/),
    });
    receiver.answer(500);
    const failed = await cli("test", id, "--json");
    expect(failed.exitCode).toBe(1);
    const delivery = failed.json<WebhookDelivery>();
    expect(delivery).toMatchObject({ state: "failed", responseStatus: 500, error: "status_refused" });
    receiver.answer(204);
    const log = await cli("deliveries", id, "--state", "failed", "--limit", "5");
    expect(log.out).toMatch(/whd_\w+ +webhook\.test +failed +1 +500/);
    expect(await cli("replay", delivery.id)).toMatchObject({ exitCode: 0, out: expect.stringContaining("pending") });
    await expect
      .poll(async () => (await cli("deliveries", id, "--state", "failed")).out)
      .toBe("There are no deliveries");
  });

  it("says what the gateway refuses", async () => {
    expect(await cli("add", "ftp://shop.example/")).toMatchObject({ exitCode: 1, out: "" });
    expect(await cli("remove", "whk_none")).toMatchObject({ exitCode: 1, out: "" });
    expect(await cli("deliveries", "whk_none", "--limit", "0")).toMatchObject({ exitCode: 2 });
    expect(await cli("deliveries", "whk_none", "--state", "lost")).toMatchObject({ exitCode: 2 });
  });
});
