import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startGateway } from "../start-gateway.ts";
import { launchChromium } from "./chromium.ts";

type Gateway = Awaited<ReturnType<typeof startGateway>>;

/** A folder; when set, the page is photographed on its way. */
const SCREENSHOTS = process.env["SCREENSHOTS"];

const STARTING_MS = 60_000;
const TEST_MS = 30_000;

let browser: Browser;
let gateway: Gateway;
let context: BrowserContext;
let page: Page;
let complaints: string[];

const openPage = async (options: Parameters<Browser["newContext"]>[0] = {}) => {
  context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  page = await context.newPage();
  page.setDefaultTimeout(10_000);
  complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.text().includes("Content Security Policy")) complaints.push(message.text());
  });
};

const photograph = async (name: string) => {
  if (SCREENSHOTS !== undefined) await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
};

const messageFor = (to: string) => page.locator("#messages > li", { hasText: to });

const askForCode = async (phone: string) => {
  await page.getByLabel("Número de celular").fill(phone);
  await page.getByRole("button", { name: "Enviar código" }).click();
};

/** Lets a message arrive without the form. */
const receive = async (phone: string) => {
  const data = { telefono: phone };
  const answer = await page.request.post(`${gateway.url}/api/v1/auth/send-verification-sms`, { data });
  expect(answer.ok()).toBe(true);
};

const readCode = async (to: string) => {
  const code = await messageFor(to).locator("output").textContent();
  expect(code).toMatch(/^[0-9]{6}$/);
  return code ?? "";
};

beforeAll(async () => {
  [gateway, browser] = await Promise.all([startGateway(), launchChromium()]);
}, STARTING_MS);

afterAll(async () => {
  await browser?.close();
  await gateway?.stop();
}, STARTING_MS);

beforeEach(() => openPage());

afterEach(async () => {
  await context.close();
  expect(complaints).toEqual([]);
});

describe("the developer's inbox", { timeout: TEST_MS }, () => {
  it("says how to begin when there is no message", async () => {
    await page.request.delete(`${gateway.url}/v1/inbox`);
    await page.goto(gateway.url);
    await page.getByText("En vivo").waitFor();
    await page.getByRole("heading", { name: "Aún no hay mensajes" }).waitFor();
    expect(await page.locator("#command").textContent()).toContain(`${gateway.url}/api/v1/auth/send-verification-sms`);
    await photograph("inbox-empty");
  });

  it("takes a phone from asking for a code to verified", async () => {
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.goto(gateway.url);
    await page.getByText("En vivo").waitFor();
    await askForCode("300 123 4567");

    const message = messageFor("+573001234567");
    await message.waitFor();
    const code = await readCode("+573001234567");
    expect(await message.textContent()).toContain("1 segmento · GSM-7");
    await page.getByLabel("Código", { exact: true }).waitFor();
    await photograph("inbox-code-sent");

    await message.getByRole("button", { name: `Copiar el código ${code}` }).click();
    await message.getByText("Copiado").waitFor();
    await page.getByLabel("Código", { exact: true }).press("ControlOrMeta+v");
    expect(await page.getByLabel("Código", { exact: true }).inputValue()).toBe(code);
    await page.getByLabel("Código", { exact: true }).press("Enter");

    await page.locator("#done").waitFor();
    expect(await page.locator("#phone-verified").textContent()).toBe("true");
    expect(await page.locator("#email-verified").textContent()).toBe("false");
    await page.getByText("Ver la prueba firmada").click();
    expect(await page.locator("#token").textContent()).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);

    await message.getByText("Entregado").waitFor();
    expect(await message.count()).toBe(1);
    await photograph("inbox-verified");
  });

  it("goes on saying that a code was copied when the message is delivered meanwhile", async () => {
    await page.goto(gateway.url);
    await page.getByText("En vivo").waitFor();
    await receive("300 123 4575");
    const message = messageFor("+573001234575");
    await message.getByRole("button").click();
    await message.getByText("Copiado").waitFor();
    await message.getByText("Entregado").waitFor();
    expect(await message.getByRole("button").textContent()).toBe("Copiado");
    await message.getByText("Copiar", { exact: true }).waitFor();
  });

  it("verifies an e-mail address", async () => {
    await page.goto(gateway.url);
    await page.getByRole("radio", { name: "Correo" }).check();
    await page.getByLabel("Correo electrónico").fill("ana@ejemplo.co");
    await page.getByRole("button", { name: "Enviar código" }).click();
    await messageFor("ana@ejemplo.co").waitFor();
    await page.getByLabel("Código", { exact: true }).fill(await readCode("ana@ejemplo.co"));
    await page.getByRole("button", { name: "Verificar" }).click();
    await page.locator("#done").waitFor();
    expect(await page.locator("#email-verified").textContent()).toBe("true");
  });

  it("says what is wrong, and takes the right code after it", async () => {
    await page.goto(gateway.url);
    await askForCode("300 123 4568");
    await messageFor("+573001234568").waitFor();
    const code = await readCode("+573001234568");
    const wrong = code === "000000" ? "000001" : "000000";
    await page.getByLabel("Código", { exact: true }).fill(wrong);
    await page.getByRole("button", { name: "Verificar" }).click();
    await page.getByText("Código incorrecto. Le quedan 4 intentos").waitFor();
    await page.getByLabel("Código", { exact: true }).fill(` ${code.slice(0, 3)} ${code.slice(3)} `);
    await page.getByRole("button", { name: "Verificar" }).click();
    await page.locator("#done").waitFor();
  });

  it("counts down for as long as the gateway would refuse", async () => {
    await page.goto(gateway.url);
    await askForCode("300 123 4569");
    await page.getByRole("button", { name: "Reenviar código" }).click();
    await page.getByText(/^Podrá intentarlo en (1:00|0:5\d)$/).waitFor();
    expect(await page.getByRole("button", { name: "Reenviar código" }).isDisabled()).toBe(true);
    expect(await page.getByRole("button", { name: "Verificar" }).isDisabled()).toBe(false);
    await photograph("inbox-cooldown");
  });

  it("fills the form with a magic number, whose outcome it shows", async () => {
    await page.goto(gateway.url);
    const landline = page.locator("#magic-rows tr", { hasText: "fijo" });
    const number = (await landline.getByRole("button").textContent()) ?? "";
    expect(number).toMatch(/^\+57300555\d{4}$/);
    await landline.getByRole("button").click();
    expect(await page.getByLabel("Número de celular").inputValue()).toBe(number);
    await page.keyboard.press("Enter");
    await page.getByText("Ese número es fijo y no recibe SMS").waitFor();
  });

  it("keeps the filter and the language in the address, to be shared", async () => {
    await receive("300 123 4570");
    await receive("300 123 4571");
    await page.goto(`${gateway.url}/?to=3001234570`);
    await messageFor("+573001234570").waitFor();
    expect(await page.locator("#messages > li:visible").count()).toBe(1);
    await page.getByRole("button", { name: "English" }).click();
    await page.getByLabel("Filter by recipient").fill("nobody@");
    await page.getByText("No message matches the filter.").waitFor();
    expect(new URL(page.url()).searchParams.get("lang")).toBe("en");
    expect(new URL(page.url()).searchParams.get("to")).toBe("nobody@");
    await page.reload();
    await page.getByRole("heading", { name: "Try a verification" }).waitFor();
    expect(await page.getByLabel("Filter by recipient").inputValue()).toBe("nobody@");
  });

  it.each([
    ["light", "+573001234572"],
    ["dark", "+573001234573"],
  ] as const)("fits a phone 360 pixels wide, %s", async (colorScheme, phone) => {
    await context.close();
    await openPage({ viewport: { width: 360, height: 740 }, colorScheme });
    await page.goto(gateway.url);
    await receive(phone);
    await messageFor(phone).waitFor();
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
    await photograph(`inbox-phone-${colorScheme}`);
  });

  it("clears", async () => {
    await receive("300 123 4574");
    await page.goto(gateway.url);
    await messageFor("+573001234574").waitFor();
    await page.getByRole("button", { name: "Vaciar" }).click();
    await page.getByRole("heading", { name: "Aún no hay mensajes" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Aún no hay mensajes" }).waitFor();
  });
});

describe("the API's own page", { timeout: TEST_MS }, () => {
  it("lists the routes, with nothing that its policy forbids", async () => {
    await page.goto(`${gateway.url}/docs`);
    await page.getByText("/api/v1/auth/send-verification-sms").waitFor();
    await page.getByRole("heading", { name: /MeStore SMS Gateway/ }).waitFor();
    await photograph("docs");
  });
});

describe("a gateway that is not always there for everybody", { timeout: STARTING_MS }, () => {
  it("opens with an API key only, and keeps it for the tab", async () => {
    const exposed = await startGateway({ SIMULATION_EXPOSED: "true" });
    try {
      await page.goto(exposed.url);
      await page.getByLabel("Clave de API").fill("sk_wrong");
      await page.getByRole("button", { name: "Abrir la bandeja" }).click();
      await page.getByText("No se pudieron validar las credenciales").waitFor();
      await photograph("inbox-key");
      await page.getByLabel("Clave de API").fill(exposed.apiKey);
      await page.getByRole("button", { name: "Abrir la bandeja" }).click();
      await page.getByText("En vivo").waitFor();
      await askForCode("300 123 4567");
      await messageFor("+573001234567").waitFor();
      await page.reload();
      await messageFor("+573001234567").waitFor();
    } finally {
      await exposed.stop();
    }
  });

  it("says when it is away, and shows what came meanwhile once it is back", async () => {
    const passing = await startGateway();
    try {
      await page.goto(passing.url);
      await page.getByText("En vivo").waitFor();
    } finally {
      await passing.stop();
    }
    await page.getByText("Sin conexión con el gateway").waitFor();
    await photograph("inbox-offline");

    const returned = await startGateway({ PORT: new URL(passing.url).port });
    try {
      const data = { telefono: "300 123 4567" };
      await page.request.post(`${returned.url}/api/v1/auth/send-verification-sms`, { data });
      await page.getByText("En vivo").waitFor();
      await messageFor("+573001234567").waitFor();
      expect(await page.getByText("Sin conexión con el gateway").isVisible()).toBe(false);
    } finally {
      await returned.stop();
    }
  });
});
