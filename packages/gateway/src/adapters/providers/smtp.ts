import type { Readable } from "node:stream";
import { createTransport, type NodemailerError } from "nodemailer";
import type { OutgoingMessage, SendResult } from "../../domain/delivery.ts";
import type { Provider } from "../../ports/provider.ts";

const CONNECT_TIMEOUT_MS = 5_000;
const SOCKET_TIMEOUT_MS = 8_000;

export interface SmtpSettings {
  /** `smtp://user:password@host:587`, or `smtps://` for TLS from the first byte. */
  readonly url: string;
  /** `no-reply@example.com` or `MeStore <no-reply@example.com>`. */
  readonly from: string;
  /** How long one mail may take in all, 8 s unless told. */
  readonly timeoutMs?: number;
}

/** Mails over pooled connections to the operator's own SMTP server. */
export function createSmtp({ url, from, timeoutMs = SOCKET_TIMEOUT_MS }: SmtpSettings): Provider {
  const transport = createTransport({
    url,
    pool: true,
    // A pooled connection that the server has dropped shows only when it is used: one more try, on a new one.
    maxRequeues: 1,
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: CONNECT_TIMEOUT_MS,
    dnsTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SOCKET_TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  transport.on("error", () => undefined);

  // nodemailer reads the first byte of a mail when the server has said 354: before that, nothing can have been taken.
  const bodies = new WeakMap<AbortSignal, Readable>();
  transport.use("stream", (mail, done) => {
    const { signal } = mail.data;
    mail.message.processFunc((body: Readable) => {
      if (signal !== undefined) bodies.set(signal, body);
      return body;
    });
    done();
  });

  return {
    id: "smtp",
    channel: "email",
    simulated: false,

    async send(message, signal) {
      const within = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      try {
        const sent = await transport.sendMail({ ...toMail(message, from), signal: within });
        return { outcome: "accepted", providerMessageId: sent.messageId };
      } catch (error) {
        return toFailure(error as NodemailerError, bodies.get(within)?.readableDidRead ?? false);
      }
    },

    async check(signal) {
      const gaveUp = new Promise<false>((resolve) => {
        AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]).addEventListener("abort", () => resolve(false));
      });
      try {
        const ok = !signal.aborted && (await Promise.race([transport.verify(), gaveUp]));
        return { ok, detail: ok ? "the server answers and takes the credentials" : "the server does not answer" };
      } catch (error) {
        const { code, responseCode } = error as NodemailerError;
        return { ok: false, detail: `the server cannot be used: ${responseCode ?? code ?? "unknown reason"}` };
      }
    },

    async close() {
      transport.close({ force: true });
    },
  };
}

function toMail({ id, to, subject, text, html }: OutgoingMessage, from: string) {
  const host = from.slice(from.lastIndexOf("@") + 1).replace(/>.*$/, "");
  return {
    from,
    // As an object it is one recipient, whatever commas it holds.
    to: { name: "", address: to },
    subject: subject ?? "",
    text,
    html: html ?? `<p>${escapeHtml(text).replaceAll("\n", "<br>")}</p>`,
    messageId: `<${id}@${host}>`,
    // So that no holiday responder answers (RFC 3834).
    headers: { "Auto-Submitted": "auto-generated" },
  };
}

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (char) => `&#${char.codePointAt(0)};`);

/**
 * Reads a mail that failed.
 *
 * A reply settles it whenever it came: 5yz never, 4yz not now (RFC 5321, 4.2.1). Without a reply, a mail whose text had
 * begun to leave may have been taken.
 */
function toFailure(error: NodemailerError, hadLeft: boolean): SendResult {
  const { code, command, response, responseCode } = error;
  if (responseCode === undefined) return { outcome: hadLeft ? "unknown" : "unavailable", ...vendor(code) };
  const vendorCode = String(responseCode);
  // 503 speaks of the session, not of the mail.
  if (responseCode >= 500 && responseCode !== 503) {
    const aboutMail = command === "RCPT TO" || command === "DATA";
    return { outcome: "rejected", code: aboutMail ? "email_refused" : "delivery_failed", vendorCode };
  }
  // 450 and 452, and 4.7.z of RFC 3463, speak of too much at once or of greylisting, the others of a server in trouble.
  const throttled = responseCode === 450 || responseCode === 452 || /\b4\.7\.\d/.test(response ?? "");
  return { outcome: throttled ? "throttled" : "unavailable", vendorCode };
}

const vendor = (vendorCode: string | undefined) => (vendorCode === undefined ? {} : { vendorCode });
