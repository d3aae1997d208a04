import { createServer, type Socket } from "node:net";
import { type ParsedMail, simpleParser } from "mailparser";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { providerContract } from "../../../test/contracts/provider.ts";
import type { OutgoingMessage } from "../../domain/delivery.ts";
import { createSmtp } from "./smtp.ts";

const TIMEOUT_MS = 1_500;
const FROM = "MeStore <no-reply@mestore.example>";

let made = 0;
const mail = (over: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
  id: `msg_${++made}`,
  lane: "otp",
  channel: "email",
  country: null,
  to: `ana${made}@example.com`,
  subject: "Su código de verificación de MeStore",
  text: "Su código es 123456. Vence en 10 minutos.",
  html: "<p>Su código es <b>123456</b>. Vence en 10 minutos.</p>",
  deliverBefore: Date.now() + 600_000,
  callBefore: Number.MAX_SAFE_INTEGER,
  code: "123456",
  ...over,
});

const reply = (responseCode: number, message = "no") => Object.assign(new Error(message), { responseCode });

/** What the server says to each recipient; the part before the `@` chooses. */
const AT_RCPT: Readonly<Record<string, Error>> = {
  refuses: reply(550, "5.1.1 no such mailbox"),
  full: reply(552, "5.2.2 mailbox full"),
  throttles: reply(450, "4.2.1 too many"),
  greylists: reply(451, "4.7.1 greylisted, come back"),
  fails: reply(451, "4.3.0 our disk is broken"),
  leaves: reply(421, "4.3.2 going down"),
};
const AFTER_DATA: Readonly<Record<string, Error>> = {
  spam: reply(554, "5.7.1 looks like spam, see https://vendor.example/why?mail=ana@example.com"),
  busy: reply(452, "4.3.1 no room"),
};

const nameOf = (address: string) => address.split("@")[0] ?? "";

async function startMailServer(options: SMTPServerOptions = {}) {
  const mails: { readonly to: readonly string[]; readonly mail: ParsedMail }[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    logger: false,
    closeTimeout: 100,
    onMailFrom: ({ address }, _session, done) => done(address.startsWith("nobody@") ? reply(553, "5.1.8") : undefined),
    onRcptTo: ({ address }, _session, done) => done(AT_RCPT[nameOf(address)]),
    onData(stream, { envelope }, done) {
      const to = envelope.rcptTo.map(({ address }) => address);
      void simpleParser(stream).then((parsed) => {
        if (to.some((address) => nameOf(address) === "hangs")) return;
        const refusal = AFTER_DATA[nameOf(to[0] ?? "")];
        if (refusal === undefined) mails.push({ to, mail: parsed });
        done(refusal);
      });
    },
    ...options,
  });
  server.on("error", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.server.address();
  return {
    url: `smtp://127.0.0.1:${typeof address === "object" ? address?.port : ""}`,
    mails,
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

/** A server that says what it is told to, line by line, and whose `after` takes over once the mail has ended. */
async function startOddServer(says: {
  readonly greeting?: string;
  readonly data?: string;
  readonly mailsPerConnection?: number;
  readonly after: (socket: Socket) => void;
}) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    let inMail = false;
    let mails = 0;
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.write(`${says.greeting ?? "220 odd"}\r\n`);
    socket.on("data", (chunk) => {
      const line = chunk.toString();
      if (inMail) {
        inMail = !line.endsWith("\r\n.\r\n");
        if (!inMail) says.after(socket);
      } else if (line.startsWith("MAIL") && ++mails > (says.mailsPerConnection ?? mails)) {
        socket.destroy();
      } else if (line.startsWith("DATA") && says.data === undefined) {
        inMail = true;
        socket.write("354 go on\r\n");
      } else if (line.startsWith("DATA")) says.after(socket);
      else socket.write("250 fine\r\n");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    url: `smtp://127.0.0.1:${typeof address === "object" ? address?.port : ""}`,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

providerContract("smtp", {
  situations: ["refuses", "throttles", "fails", "hangs"],
  async setup() {
    const server = await startMailServer();
    const provider = createSmtp({ url: server.url, from: FROM, timeoutMs: TIMEOUT_MS });
    return {
      provider,
      message: () => mail(),
      messageThat: (situation) => mail({ to: `${situation}@example.com` }),
      slowMessage: () => mail({ to: "hangs@example.com" }),
      arrived: async (to) => server.mails.filter((arrived) => arrived.to.includes(to)).length,
      async close() {
        await provider.close?.();
        await server.close();
      },
    };
  },
});

describe("smtp", () => {
  const signal = new AbortController().signal;
  let server: Awaited<ReturnType<typeof startMailServer>>;
  let provider: ReturnType<typeof createSmtp>;
  beforeEach(async () => {
    server = await startMailServer();
    provider = createSmtp({ url: server.url, from: FROM, timeoutMs: TIMEOUT_MS });
  });
  afterEach(async () => {
    await provider.close?.();
    await server.close();
  });

  async function read(message: OutgoingMessage): Promise<ParsedMail> {
    expect(await provider.send(message, signal)).toMatchObject({ outcome: "accepted" });
    const arrived = server.mails.at(-1);
    if (arrived === undefined) throw new Error("nothing arrived");
    return arrived.mail;
  }

  it("mails text and HTML under our own id, with accents whole and no code in the subject", async () => {
    const message = mail();
    const arrived = await read(message);
    expect(arrived).toMatchObject({
      subject: "Su código de verificación de MeStore",
      messageId: `<${message.id}@mestore.example>`,
      from: { value: [{ name: "MeStore", address: "no-reply@mestore.example" }] },
      to: { value: [{ name: "", address: message.to }] },
    });
    expect(arrived.text?.trim()).toBe("Su código es 123456. Vence en 10 minutos.");
    expect(arrived.html).toBe("<p>Su código es <b>123456</b>. Vence en 10 minutos.</p>");
    expect(arrived.subject).not.toMatch(/\d/);
    expect(arrived.headers.get("auto-submitted")).toBe("auto-generated");
  });

  it("makes HTML of a text that comes without, and lets nothing in it be markup", async () => {
    const { html: _html, ...plain } = mail({ text: "Hola <b>Ana</b> & \"Luis\"\n<script>alert('1')</script>" });
    const arrived = await read(plain);
    expect(arrived.html).toBe(
      "<p>Hola &#60;b&#62;Ana&#60;/b&#62; &#38; &#34;Luis&#34;<br>&#60;script&#62;alert(&#39;1&#39;)&#60;/script&#62;</p>",
    );
    expect(arrived.text).toContain("<b>Ana</b>");
  });

  it("keeps what stands in the subject out of the headers", async () => {
    const arrived = await read(mail({ subject: "Hola\r\nBcc: otro@example.com\r\n\r\nmás" }));
    expect(arrived.headers.has("bcc")).toBe(false);
    expect(server.mails.at(-1)?.to).toHaveLength(1);
  });

  it("never mails a second address hidden in the first", async () => {
    await provider.send(mail({ to: "ana@example.com, otro@example.com" }), signal);
    expect(server.mails.flatMap(({ to }) => to)).not.toContain("otro@example.com");
  });

  it("reads no file and fetches no address for the sake of a mail", async () => {
    const arrived = await read(mail({ html: '<img src="file:///etc/hostname">', text: "{ path: '/etc/hostname' }" }));
    expect(arrived.text?.trim()).toBe("{ path: '/etc/hostname' }");
    expect(arrived.attachments).toEqual([]);
  });

  it.each([
    ["refuses", { outcome: "rejected", code: "email_refused", vendorCode: "550" }],
    ["full", { outcome: "rejected", code: "email_refused", vendorCode: "552" }],
    ["spam", { outcome: "rejected", code: "email_refused", vendorCode: "554" }],
    ["throttles", { outcome: "throttled", vendorCode: "450" }],
    ["greylists", { outcome: "throttled", vendorCode: "451" }],
    ["busy", { outcome: "throttled", vendorCode: "452" }],
    ["fails", { outcome: "unavailable", vendorCode: "451" }],
    ["leaves", { outcome: "unavailable", vendorCode: "421" }],
  ])("gives our meaning to a server that %s", async (name, result) => {
    expect(await provider.send(mail({ to: `${name}@example.com` }), signal)).toEqual(result);
  });

  it("blames no recipient for a sender that the server does not take", async () => {
    const stranger = createSmtp({ url: server.url, from: "nobody@mestore.example" });
    const result = { outcome: "rejected", code: "delivery_failed", vendorCode: "553" };
    expect(await stranger.send(mail(), signal)).toEqual(result);
    await stranger.close?.();
  });

  it("blames no recipient for credentials that the server does not take", async () => {
    const guarded = await startMailServer({
      authOptional: false,
      allowInsecureAuth: true,
      onAuth: (_auth, _session, done) => done(reply(535, "5.7.8 no")),
    });
    const url = guarded.url.replace("smtp://", "smtp://user:wrong-password@");
    const stranger = createSmtp({ url, from: FROM });
    const result = { outcome: "rejected", code: "delivery_failed", vendorCode: "535" };
    expect(await stranger.send(mail(), signal)).toEqual(result);
    expect(await stranger.check(signal)).toEqual({ ok: false, detail: "the server cannot be used: 535" });
    await stranger.close?.();
    await guarded.close();
  });

  it("is sure that nothing left when nobody listens", async () => {
    const lost = createSmtp({ url: "smtp://127.0.0.1:9", from: FROM });
    expect(await lost.send(mail(), signal)).toMatchObject({ outcome: "unavailable" });
    expect((await lost.check(signal)).ok).toBe(false);
    await lost.close?.();
  });

  it("takes a new connection when the server drops one that it has used before", async () => {
    const odd = await startOddServer({ mailsPerConnection: 1, after: (socket) => socket.write("250 taken\r\n") });
    const pooled = createSmtp({ url: odd.url, from: FROM, timeoutMs: TIMEOUT_MS });
    expect(await pooled.send(mail(), signal)).toMatchObject({ outcome: "accepted" });
    expect(await pooled.send(mail(), signal)).toMatchObject({ outcome: "accepted" });
    await pooled.close?.();
    await odd.close();
  });

  it.each<readonly [string, Parameters<typeof startOddServer>[0], string]>([
    ["breaks off after the mail", { after: (socket) => socket.resetAndDestroy() }, "unknown"],
    ["hangs up after the mail", { after: (socket) => socket.end() }, "unknown"],
    ["answers nonsense after the mail", { after: (socket) => socket.write("hello there\r\n") }, "unknown"],
    ["says nothing after the mail", { after: () => undefined }, "unknown"],
    ["breaks off before the mail", { data: "", after: (socket) => socket.resetAndDestroy() }, "unavailable"],
    ["says nothing before the mail", { data: "", after: () => undefined }, "unavailable"],
    ["is busy before the mail", { data: "", after: (socket) => socket.write("421 4.3.2 bye\r\n") }, "unavailable"],
    ["greets with a refusal", { greeting: "554 no", after: () => undefined }, "rejected"],
    ["greets with nonsense", { greeting: "hello", after: () => undefined }, "unavailable"],
  ])("knows what may have left when the server %s", async (_name, says, outcome) => {
    const odd = await startOddServer(says);
    const lost = createSmtp({ url: odd.url, from: FROM, timeoutMs: TIMEOUT_MS });
    const startedAt = performance.now();
    expect(await lost.send(mail(), signal)).toMatchObject({ outcome });
    expect(performance.now() - startedAt).toBeLessThan(TIMEOUT_MS + 400);
    await lost.close?.();
    await odd.close();
  });
});
