import { type ParsedMail, simpleParser } from "mailparser";
import { SMTPServer } from "smtp-server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startGateway, type TestGateway } from "../start-gateway.ts";
import { ask, expectProblem } from "./http.ts";

const SEND_EMAIL = "POST /api/v1/auth/send-verification-email";

interface MailServer {
  readonly port: number;
  readonly mails: readonly ParsedMail[];
  stop(): Promise<void>;
}

/** A real SMTP server; whoever is called `nadie` does not exist there. */
async function startMailServer(port = 0): Promise<MailServer> {
  const mails: ParsedMail[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    logger: false,
    closeTimeout: 100,
    onRcptTo: ({ address }, _session, done) =>
      done(address.startsWith("nadie@") ? Object.assign(new Error("5.1.1 nobody"), { responseCode: 550 }) : undefined),
    onData: (stream, _session, done) => {
      simpleParser(stream).then((mail) => {
        mails.push(mail);
        done();
      }, done);
    },
  });
  server.on("error", () => undefined);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const address = server.server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    mails,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

let server: MailServer;
let gateway: TestGateway;

const mailEnv = (port: number): Record<string, string> => ({
  ENVIRONMENT: "test",
  SMTP_URL: `smtp://127.0.0.1:${port}`,
  EMAIL_FROM: "MeStore <no-reply@mestore.example>",
});

beforeAll(async () => {
  server = await startMailServer();
  gateway = await startGateway({ ...mailEnv(server.port), APP_NAME: "Ropa & <Hogar>" });
});
afterAll(async () => {
  await gateway.stop();
  await server.stop();
});

const send = (email: string, headers: Record<string, string> = {}, to = gateway) =>
  ask(to.url, SEND_EMAIL, { body: { email }, headers });

const mailTo = (address: string): ParsedMail => {
  const found = server.mails.find(({ to }) => [to].flat()[0]?.text === address);
  if (found === undefined) throw new Error(`nothing arrived for ${address}`);
  return found;
};

describe("a code by e-mail", () => {
  it("arrives as text and HTML, with no code in the subject, and verifies", async () => {
    expect((await send("Ana@Ejemplo.co")).status).toBe(200);
    const mail = mailTo("ana@ejemplo.co");
    expect(mail.from?.text).toBe('"MeStore" <no-reply@mestore.example>');
    expect(mail.subject).toBe("Su código de verificación de Ropa & <Hogar>");
    const code = /^\d{6}$/m.exec(mail.text ?? "")?.[0] ?? "";
    expect(mail.text).toContain("Vence en 10 min y sirve una sola vez.");
    expect(mail.html).toContain(`>${code}</p>`);
    expect(mail.html).toContain("Ropa &amp; &lt;Hogar&gt;");
    expect(mail.html).not.toContain("<Hogar>");
    expect(mail.attachments).toEqual([]);

    const body = { email: "ana@ejemplo.co", otp: code };
    const checked = await ask(gateway.url, "POST /api/v1/auth/verify-email-otp", { body });
    expect(checked.body).toMatchObject({ verification_status: { email_verified: true } });
  });

  it("is written in the caller's language", async () => {
    await send("luis@ejemplo.co", { "accept-language": "en" });
    const mail = mailTo("luis@ejemplo.co");
    expect(mail.subject).toBe("Your Ropa & <Hogar> verification code");
    expect(mail.text).toContain("It expires in 10 min and works once.");
  });

  it("says so when the address does not exist, and costs nothing", async () => {
    const message = "El servidor de ese email rechazó el mensaje";
    expectProblem(await send("nadie@ejemplo.co"), "email_refused", { message });
    expectProblem(await send("nadie@ejemplo.co"), "email_refused", { message });
  });

  it("is refused with 503 while the server is away, and given back: it goes out at once when it returns", async () => {
    const first = await startMailServer();
    const other = await startGateway(mailEnv(first.port));
    let returned: MailServer | undefined;
    try {
      await first.stop();
      expectProblem(await send("eva@ejemplo.co", {}, other), "delivery_failed", {
        message: "No pudimos enviar el mensaje. Intente más tarde",
        retryAfter: 30,
      });
      returned = await startMailServer(first.port);
      expect((await send("eva@ejemplo.co", {}, other)).status).toBe(200);
      expect(returned.mails).toHaveLength(1);
      expectProblem(await send("eva@ejemplo.co", {}, other), "cooldown");
    } finally {
      await other.stop();
      await returned?.stop();
    }
  });
});
