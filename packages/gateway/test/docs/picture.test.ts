import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launchChromium } from "../e2e/chromium.ts";
import { startGateway, type TestGateway } from "../start-gateway.ts";
import { ROOT } from "./markdown.ts";

const PICTURE = join(ROOT, "docs/images/inbox.png");
const SIZE = { width: 1180, height: 700 };
const MS = 60_000;

let browser: Browser;
let gateway: TestGateway;

beforeAll(async () => {
  [gateway, browser] = await Promise.all([startGateway({ OTP_COOLDOWN_SECONDS: "0" }), launchChromium()]);
}, MS);

afterAll(async () => {
  await browser?.close();
  await gateway?.stop();
}, MS);

const call = async (path: string, body: unknown): Promise<void> => {
  const headers = { "content-type": "application/json", authorization: `Bearer ${gateway.apiKey}` };
  const answer = await fetch(gateway.url + path, { method: "POST", headers, body: JSON.stringify(body) });
  expect(answer.ok).toBe(true);
};

/** @returns width and height as the PNG header has them */
const sizeOf = (png: Buffer): readonly number[] => [png.readUInt32BE(16), png.readUInt32BE(20)];

it(
  "takes the README's picture of the inbox; DOCS_UPDATE=1 keeps it",
  async () => {
    await call("/v1/messages", {
      to: "301 555 0142",
      category: "transactional",
      template: "order_shipped",
      variables: { order: "1042", carrier: "Servientrega", tracking: "S-77" },
    });
    await call("/v1/verifications", { to: "+573005550022", channel: "sms" });
    const context = await browser.newContext({ viewport: SIZE, deviceScaleFactor: 1.5, locale: "es-CO" });
    const page = await context.newPage();
    await page.goto(gateway.url);
    await page.getByLabel("Número de celular").fill("300 123 4567");
    await page.getByRole("button", { name: "Enviar código" }).click();
    const message = page.locator("#messages > li", { hasText: "+573001234567" });
    await message.getByText("Entregado", { exact: true }).waitFor();
    await page.locator("#messages > li", { hasText: "+573005550022" }).getByText("No entregado").waitFor();
    const picture = await page.screenshot();
    if (process.env["DOCS_UPDATE"] === "1") writeFileSync(PICTURE, picture);
    expect(sizeOf(readFileSync(PICTURE))).toEqual(sizeOf(picture));
    await context.close();
  },
  MS,
);
